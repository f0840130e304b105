"""Run as a config management plugin of Argo CD."""
