"""Types to text: manifests, tables and reports."""
