import pytest

from gitops_doca.core.names import is_dns_label, is_label_value, is_subdomain, safe_hash


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
