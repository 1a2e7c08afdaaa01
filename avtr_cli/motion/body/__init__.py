"""Arms, hands and trunk below the head that the motion model moves: when is learned, what is drawn."""
