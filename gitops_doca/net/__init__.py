"""One request, safely: for registries and the API server alike."""
