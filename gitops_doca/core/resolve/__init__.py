"""From nodes to pools, and from the answers about tags to one image for each pool."""
