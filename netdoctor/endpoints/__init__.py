"""From what a user gives to the ends of the question: see `resolve`."""

from netdoctor.endpoints.resolve import Request, resolve

__all__ = ["Request", "resolve"]
