"""flowops: outbound phone calls as configuration, each placed at most once."""

__version__ = "0.1.0"
