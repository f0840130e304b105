"""A run as Argo CD's config management plugin: its environment in, manifests or one flattened error out."""
