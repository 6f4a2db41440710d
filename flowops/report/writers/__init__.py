"""A module for each format: `FORMAT` says what it is, `write` writes a result. Each file here is a format."""
