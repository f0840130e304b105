"""Check names and label values, and hash names as the operator does."""

import re

MAX_LABEL = 63
"""Characters of a label value and of a DNS label (apimachinery, `validation`)."""
A_LABEL_VALUE = f"a label value: at most {MAX_LABEL} letters, digits and - _ . between them"
"""The rule for label values, for messages."""
MAX_NAME = 253
"""Characters of an object's name (RFC 1123 subdomain)."""
PROGRAM = "gitops-doca"
"""The program's name, and the default `metadata.name` of the files that it writes."""

_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_OBJECT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")

# apimachinery, util/rand: no vowels and no 0, 1, 3, so that no hash spells a word.
_SAFE_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"
_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619


def is_label_value(text: str) -> bool:
    """Say whether this can be the value of a label; unlike Kubernetes, not when it is empty."""
    return len(text) <= MAX_LABEL and _LABEL_VALUE.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """Say whether this can be the key of a label or a taint: `[prefix/]name` (a qualified name)."""
    prefix, slash, name = text.rpartition("/")
    return is_label_value(name) and (not slash or is_subdomain(prefix))


def is_kind_name(text: str) -> bool:
    """Say whether this can be the kind of an object."""
    return _KIND.fullmatch(text) is not None


def is_object_name(text: str) -> bool:
    """Say whether an object of any kind can have this name: RBAC's may have capitals and colons."""
    return len(text) <= MAX_NAME and _OBJECT_NAME.fullmatch(text) is not None


def is_dns_label(text: str) -> bool:
    """Say whether this is an RFC 1123 label, as namespaces and volumes are named."""
    return len(text) <= MAX_LABEL and _DNS_LABEL.fullmatch(text) is not None


def is_subdomain(text: str) -> bool:
    """Say whether this is an RFC 1123 subdomain, as most objects are named."""
    return len(text) <= MAX_NAME and _SUBDOMAIN.fullmatch(text) is not None


def driver_name(os: str, kernel: str, node_policy: str, arch: str) -> str:
    """Return a DaemonSet's name without `-ds`; empty parts are dropped."""
    parts = (f"mofed-{os}", safe_hash(kernel), node_policy and safe_hash(node_policy), arch)
    return "-".join(part for part in parts if part)


def safe_hash(text: str) -> str:
    """Return FNV-1a (32 bit) of the text in decimal, each digit mapped as `SafeEncodeString` does.

    >>> safe_hash("6.8.0-87-generic")
    '84cb6b9485'
    """
    value = _FNV_OFFSET
    for byte in text.encode():
        value = (value ^ byte) * _FNV_PRIME % 2**32
    return "".join(_SAFE_CHARACTERS[ord(digit) % len(_SAFE_CHARACTERS)] for digit in str(value))
