"""Frames and sound into files, with provenance and a report."""
