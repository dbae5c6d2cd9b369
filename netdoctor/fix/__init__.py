"""Fixes: a small closed set of changes, each known both as a change of the facts and as the commands that make it."""
