"""Sound files into 16 kHz blocks, blocks into the windows that a chunk hears."""
