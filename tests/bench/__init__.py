"""What a diagnosis costs: `make bench`, as root."""
