"""Format manifests, tables and reports as text."""
