"""Whole bodies judged: fit, pictures, face, views and inner workings, on photos."""
