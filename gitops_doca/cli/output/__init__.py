"""Write to streams, files and folders, and print messages."""
