"""3D Gaussians: drawn on a CPU or a GPU, thinned for small frames, kept in the files that viewers read."""
