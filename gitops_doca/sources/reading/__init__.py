"""Bytes to checked documents: YAML and JSON, with the lines of their values."""
