"""Names that are computed from anything are names that Kubernetes takes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.model import Platform
from gitops_doca.core.names import is_dns_label, is_label_value, is_subdomain, safe_hash
from gitops_doca.core.tags import compile_tag, is_full_tag, parse_tag, precompiled_tag

VERSIONS = st.from_regex(
    r"(?:doca[1-9]\.[0-9]{1,2}(?:\.[0-9])?-)?2[0-9]\.[0-9]{2}-"
    r"(?:[0-9]\.[0-9]\.[0-9]\.[0-9](?:\.[0-9]{3})?|[0-9]{6})-[0-9]",
    fullmatch=True,
)
KERNELS = st.from_regex(
    r"[1-9]\.[0-9]{1,2}\.[0-9]{1,2}(?:-[0-9]{1,4}){0,2}"
    r"(?:-generic|-aws|-nvidia-64k|\.el9_4\.x86_64|\.el9_6\.aarch64_64k|-default)",
    fullmatch=True,
)
SYSTEMS = st.tuples(
    st.sampled_from(["ubuntu", "rhel", "rhcos", "rocky", "sles"]),
    st.from_regex(r"[1-9][0-9]?\.[0-9]{1,2}", fullmatch=True),
)


@given(text=st.text())
def test_a_hash_fits_into_any_name(text: str) -> None:
    assert re.fullmatch(r"[456789bcdf]{1,10}", safe_hash(text))
    assert is_dns_label(safe_hash(text))


@given(text=st.text(alphabet="aZ0-._+/ \n", max_size=70))
def test_every_dns_label_is_a_subdomain_and_a_label_value(text: str) -> None:
    if is_dns_label(text):
        assert is_subdomain(text)
        assert is_label_value(text)
    if is_subdomain(text):
        assert all(map(is_dns_label, text.split(".")))


@given(version=VERSIONS, kernel=KERNELS, system=SYSTEMS, arch=st.sampled_from(["amd64", "arm64"]))
def test_a_tag_is_taken_apart_as_it_was_composed(
    version: str, kernel: str, system: tuple[str, str], arch: str
) -> None:
    platform = Platform(*system, kernel, arch)
    for tag, expected in (
        (precompiled_tag(version, platform), platform),
        (compile_tag(version, platform), Platform(*system, "", arch)),
    ):
        found = parse_tag(tag)
        assert found is not None
        assert (found.tag, found.version, found.platform) == (tag, version, expected)
        assert is_full_tag(tag)
    assert not is_full_tag(version)
