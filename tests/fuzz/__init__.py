"""Seeded makers of inputs at the edges. A few cases run in the suite, many by `python -m tests.fuzz.NAME --count N`."""
