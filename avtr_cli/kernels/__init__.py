"""Arrays in, arrays out: the inner loops. They import nothing of ours, not even the core."""
