"""Check what is set up and what is reachable, and write nothing."""
