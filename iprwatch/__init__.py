"""The composition root: the order of the steps, the record, the command line and the page."""

__version__ = "0.1.0"
