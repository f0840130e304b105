"""Format the way to another driver version as text, Markdown or JSON."""
