"""Files to documents: YAML with the place of every value, the project and what belongs to it, and rows."""
