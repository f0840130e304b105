"""Group nodes into pools, and choose an image for each pool."""
