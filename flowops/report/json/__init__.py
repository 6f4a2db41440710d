"""What each kind of result is for machines: a file a subject."""
