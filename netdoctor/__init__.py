"""netdoctor: explains why one container cannot reach another."""

__version__ = "0.1.0"
