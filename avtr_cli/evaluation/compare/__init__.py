"""Systems side by side, for people's eyes: one video of all, and a page with the numbers beneath it."""
