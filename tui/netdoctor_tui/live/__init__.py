"""The live side of the screen, without the screen: asking, watching for changes, packets and traces as they come."""
