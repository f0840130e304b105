"""Run the stages in order: a module for each use."""
