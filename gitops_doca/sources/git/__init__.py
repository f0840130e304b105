"""Read Git repositories without running anything in them."""
