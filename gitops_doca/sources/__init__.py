"""Files to types: YAML, JSON and JSON Schema end here."""
