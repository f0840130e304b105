"""Read files into types; only this package knows YAML, JSON and JSON Schema."""
