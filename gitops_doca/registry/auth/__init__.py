"""Authorize requests to registries with credentials and tokens."""
