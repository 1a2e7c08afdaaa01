"""Measures that need motion and sound alone."""
