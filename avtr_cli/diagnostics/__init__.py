"""About this machine: is everything installed, how fast is it."""
