"""Results for people and machines: a view, masked once; blocks; and a writer for each format."""
