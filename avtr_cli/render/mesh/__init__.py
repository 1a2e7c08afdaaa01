"""The embedded renderer: one photo, warped by a dense basis of ARKit controls."""
