"""What a run writes: streams, files, folders and messages."""
