"""Flags, variables and config files to the settings of one run."""
