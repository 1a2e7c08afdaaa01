"""Measures of motion and pictures, judged from outside."""
