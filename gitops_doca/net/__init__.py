"""Send HTTP requests safely, to registries and to the API server."""
