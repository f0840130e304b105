"""Compare two states: renderings, inventories, locks, or a cluster and its manifests."""
