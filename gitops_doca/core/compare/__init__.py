"""Compare renderings, inventories, locks, or a cluster with its manifests."""
