"""Format a comparison as text, Markdown or JSON."""
