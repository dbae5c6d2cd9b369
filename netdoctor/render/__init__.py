"""Views of one report: they show what it says and compute nothing."""
