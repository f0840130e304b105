"""The order of the stages: a module for each use."""
