"""How alive a finished video is beside another of the same photo and sound, both seen from outside by Face Mesh."""
