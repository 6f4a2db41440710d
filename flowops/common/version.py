"""Which version this is: the one place that packages, outputs and requests take it from."""

__version__ = "0.1.0"
