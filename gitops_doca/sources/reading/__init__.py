"""Read YAML and JSON into documents with line numbers, and validate them."""
