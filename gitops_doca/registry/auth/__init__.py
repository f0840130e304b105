"""Who asks a registry: credentials, and the tokens that they give."""
