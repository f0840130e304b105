"""Tags that NVIDIA has published: real data for whatever takes tags apart."""

from support.cli import ROOT


def published_tags() -> tuple[str, ...]:
    """Return the tags of fixtures/published-tags.tsv, in its order."""
    lines = (ROOT / "fixtures" / "published-tags.tsv").read_text().splitlines()
    return tuple(line.partition("\t")[0] for line in lines if not line.startswith("#"))
