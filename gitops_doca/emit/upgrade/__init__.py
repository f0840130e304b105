"""Format an upgrade as text, Markdown or JSON."""
