"""The embedded renderer's own acceptance, on real photos."""
