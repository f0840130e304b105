"""Git, read without running anything of the repository."""
