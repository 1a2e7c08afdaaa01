"""Published weights made up of random numbers: the shapes are right, so tests and timings run without a download."""
