"""The address of the documentation, for help texts and messages."""

ADDRESS = "https://gitops-doca.dev/docs"


def page(name: str) -> str:
    """Return the address of a page of `docs/`, by its name there without `.md`."""
    return f"{ADDRESS}/{name}"
