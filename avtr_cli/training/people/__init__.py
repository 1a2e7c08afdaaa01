"""Videos of talking people into training data: faces followed, solved for controls, told as the corpus is."""
