"""Two states of the same things, and what differs."""
