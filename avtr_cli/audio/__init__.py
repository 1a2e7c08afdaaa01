"""Sound files into 16 kHz blocks of both voices."""
