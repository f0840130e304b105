import pytest

from gitops_doca.core.names import (
    driver_name,
    is_dns_label,
    is_kind_name,
    is_label_key,
    is_label_value,
    is_object_name,
    is_subdomain,
    safe_hash,
)


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("6.8.0-87-generic", "84cb6b9485"),
        ("5.15.0-190-generic", "798c6c4c69"),
        ("6.8.0-138-generic", "765746f5dd"),
        ("5.14.0-427.22.1.el9_4.x86_64", "cd9bff94"),
        ("", "65bb57b6b5"),
    ],
)
def test_a_hash_is_the_one_in_the_operators_names(text: str, hashed: str) -> None:
    assert safe_hash(text) == hashed


@pytest.mark.parametrize(
    ("text", "label_value", "dns_label", "subdomain"),
    [
        ("a", True, True, True),
        ("22.04", True, False, True),
        ("a-b", True, True, True),
        ("aB", True, False, False),
        ("a_b", True, False, False),
        ("a..b", True, False, False),
        ("a.-b", True, False, False),
        ("", False, False, False),
        ("-a", False, False, False),
        ("a-", False, False, False),
        ("a.", False, False, False),
        ("a b", False, False, False),
        ("a+b", False, False, False),
        ("a/b", False, False, False),
        ("a\n", False, False, False),
        ("ä", False, False, False),
        ("٣", False, False, False),
        ("a" * 63, True, True, True),
        ("a" * 64, False, False, True),
        ("a" * 253, False, False, True),
        ("a" * 254, False, False, False),
    ],
)
def test_label_values_labels_and_subdomains_have_rules_of_their_own(
    text: str, *, label_value: bool, dns_label: bool, subdomain: bool
) -> None:
    assert (is_label_value(text), is_dns_label(text), is_subdomain(text)) == (
        label_value,
        dns_label,
        subdomain,
    )


@pytest.mark.parametrize(
    ("node_policy", "arch", "name"),
    [
        ("", "", "mofed-ubuntu24.04-84cb6b9485"),
        ("", "arm64", "mofed-ubuntu24.04-84cb6b9485-arm64"),
        ("east", "", "mofed-ubuntu24.04-84cb6b9485-98bdc76"),
        ("east", "arm64", "mofed-ubuntu24.04-84cb6b9485-98bdc76-arm64"),
    ],
)
def test_the_name_of_a_driver_leaves_out_empty_parts(node_policy: str, arch: str, name: str) -> None:
    assert driver_name("ubuntu24.04", "6.8.0-87-generic", node_policy, arch) == name


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("rack", True),
        ("example.com/rack", True),
        ("example.com/a_B", True),
        ("", False),
        ("a b", False),
        ("/rack", False),
        ("example.com/", False),
        ("a_b/rack", False),
        ("a/b/rack", False),
    ],
)
def test_a_label_key_is_a_name_with_or_without_a_domain(text: str, *, is_key: bool) -> None:
    assert is_label_key(text) is is_key


@pytest.mark.parametrize(
    ("text", "kind", "object_name"),
    [
        ("Node", True, True),
        ("a", True, True),
        ("system:node", False, True),
        ("a" * 63, True, True),
        ("a" * 64, False, True),
        ("a" * 253, False, True),
        ("a" * 254, False, False),
        ("1a", False, True),
        ("", False, False),
        ("a b", False, False),
        ("a:", False, False),
    ],
)
def test_kinds_are_shorter_and_stricter_than_names(text: str, *, kind: bool, object_name: bool) -> None:
    assert (is_kind_name(text), is_object_name(text)) == (kind, object_name)
