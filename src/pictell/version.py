"""The version of pictell."""

__version__ = "0.1.0"
