"""Live TRACE: the kernel is asked to tell which rules the probe meets, and everything put in place goes away again."""
