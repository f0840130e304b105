"""Tags that NVIDIA has published: real data for whatever takes tags apart."""

from support.cli import ROOT

VERSIONS = (
    "25.01-0.6.0.0-0",
    "25.04-0.6.1.0-2",
    "doca3.1.0-25.07-0.9.7.0-0",
    "doca3.2.0-25.10-1.2.8.0-0",
    "doca3.2.0-25.10-1.2.8.0-2",
    "doca3.3.0-26.01-1.0.0.0-0",
    "doca3.4.0-26.04-0.8.0.0-0",
    "doca3.5.0-26.07-0.7.7.0-0",
    "doca3.5.0-26.07-0.7.7.0-1",
    "doca3.6.0-26.10-043000-0",
)
"""The versions of these tags, in the order in which they came out."""


def published_digests() -> dict[str, str]:
    """Return the digest of each tag of fixtures/published-tags.tsv, in its order."""
    lines = (ROOT / "fixtures" / "published-tags.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def published_tags() -> tuple[str, ...]:
    """Return the tags of fixtures/published-tags.tsv, in its order."""
    return tuple(published_digests())
