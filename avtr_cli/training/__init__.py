"""Making the embedded motion model: corpus, conversations, ground truth, training stages."""
