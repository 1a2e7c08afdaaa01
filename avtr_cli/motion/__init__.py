"""Audio windows into motion: Latent Motion Flow Matching (LMFM), and the published AVTR-1 model behind the same calls."""
