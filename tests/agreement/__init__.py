"""Random networks that hold netdoctor's prediction against a real ping."""
