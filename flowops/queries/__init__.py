"""Parquet files and SQL over files, read in a process of its own: ``python -m flowops.queries``.

A query may come from a stranger's pull request, and DuckDB, which answers it, is a large program in C++. So it runs
where it can neither take the memory nor the time of the command, and what brings it down brings nothing else down.
"""
