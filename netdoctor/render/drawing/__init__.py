"""Drawings: one model of boxes and ways, and the languages it is written in (SVG, Graphviz, Mermaid)."""
