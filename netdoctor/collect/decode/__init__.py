"""Netlink messages to facts: one function a kind of record."""
