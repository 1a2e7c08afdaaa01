"""The embedded motion model: Latent Motion Flow Matching (LMFM), trained here."""
