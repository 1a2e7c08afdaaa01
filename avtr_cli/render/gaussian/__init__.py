"""A whole body of 3-D Gaussians, lifted from one photo: fitted once, moved and drawn frame by frame."""
