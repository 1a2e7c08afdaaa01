"""Videos of talking people into training data: faces followed, solved for controls, and told as the corpus tells them."""
