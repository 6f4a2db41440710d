"""Documents and rows to rendered calls: Jinja's syntax, worked out on JSON's values, with nothing else in reach."""
