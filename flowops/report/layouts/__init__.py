"""What each kind of result says to people, as blocks: a file a subject."""
