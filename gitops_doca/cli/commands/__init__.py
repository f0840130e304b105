"""One module for each command; each defines the click command `command`."""
