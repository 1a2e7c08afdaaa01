"""Published sets of recorded calls, in the layouts in which they are published, into the corpus."""
