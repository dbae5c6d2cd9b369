"""From the kernel to facts: the only package that opens netlink, reads /proc, or asks the running system anything."""
