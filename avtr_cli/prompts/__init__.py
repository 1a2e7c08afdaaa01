"""What a user asks of the avatar while it is on the call: read from files, handed to the motion model as values."""
