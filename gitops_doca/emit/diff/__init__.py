"""A comparison as text, Markdown or JSON."""
