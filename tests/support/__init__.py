"""What tests of several stages share: running the command line, and servers that misbehave."""
