"""What is true on a host: frozen records, the protocols that answer for it, and the sources made of records."""
