"""Look up tags in OCI registries."""
