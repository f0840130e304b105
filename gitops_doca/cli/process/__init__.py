"""Handle signals, a lack of memory, and waiting."""
