"""Real packets: sent as ping(8) and connect(2) would, and watched on their way. The only layer that sends anything."""
