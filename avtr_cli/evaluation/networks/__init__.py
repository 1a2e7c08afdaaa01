"""Published networks that look at pictures for a measure: what FID, FVD and CSIM are computed from."""
