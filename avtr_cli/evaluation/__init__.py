"""Measures of motion and pictures."""
