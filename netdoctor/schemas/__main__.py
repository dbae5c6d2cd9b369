"""`python -m netdoctor.schemas`: what `make schema` runs."""

from netdoctor.schemas import write

write()
