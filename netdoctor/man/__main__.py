"""`python -m netdoctor.man` writes the manual page again."""

from netdoctor.man import write

write()
