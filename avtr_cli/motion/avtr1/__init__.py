"""The published AVTR-1 motion model behind the same two calls."""
