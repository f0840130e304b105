"""Merge flags, environment variables and config files into the settings of a run."""
