"""Redaction: facts and reports with other addresses and names in them, and the same answer.

Subnets stay subnets, private addresses private, equal names equal; what the names and addresses were stands in a map of
its own, which is never part of what is passed on.
"""
