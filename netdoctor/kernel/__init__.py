"""The twin of the forwarding plane: pure functions that move one packet through the facts of a host."""
