"""The process itself: signals, memory, waiting."""
