"""From reports and facts to rows of text. Pure: no terminal, no system, and nothing of Textual.

Every text in a row has been made visible (`netdoctor.render.sanitize`) before it gets there.
"""
