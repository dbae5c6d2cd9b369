"""TRACE as evidence: events joined to the rules they name and held against the walk. Pure: no system, no files."""
