"""The keys of a policy: each class of `Setting` in a file here is one, from its schema to what it says of a call."""
