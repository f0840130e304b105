"""Read a live cluster, and never write to it."""
