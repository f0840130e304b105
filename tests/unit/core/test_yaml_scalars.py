import pytest

from gitops_doca.core.yaml_scalars import scalar


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5.15.0-91-generic", "5.15.0-91-generic"),
        ("nvcr.io/a/b:25.04-0.6.1.0-2", "nvcr.io/a/b:25.04-0.6.1.0-2"),
        ("/run/x", "/run/x"),
        ("22.04", "'22.04'"),
        ("on", "'on'"),
        ("it's", "'it''s'"),
        ("", "''"),
        ("a:", "'a:'"),
        ("-c", "'-c'"),
        ('say "x" \\', "'say \"x\" \\'"),
        ('"\\\n\t\x7f\x85é\u2028\U0001f600', r'"\"\\\n\x09\x7F\x85\xE9\u2028\U0001F600"'),
    ],
)
def test_a_string_is_plain_only_where_no_yaml_reads_it_as_anything_else(text: str, written: str) -> None:
    assert scalar(text) == written
