"""Values to text, JSON and Markdown. Only this package and the command line print."""
