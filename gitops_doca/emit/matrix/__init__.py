"""Format the matrix of pools and driver versions as text, Markdown, JSON and HTML."""
