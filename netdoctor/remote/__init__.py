"""Snapshots of other hosts through ssh(1): what is sent there, what runs there, and what comes back."""
