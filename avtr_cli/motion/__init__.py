"""Audio windows into motion: Latent Motion Flow Matching (LMFM), and AVTR-1's published model by the same calls."""
