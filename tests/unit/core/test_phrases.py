from gitops_doca.core.phrases import name_nodes, nodes_by_value


def test_long_lists_of_nodes_are_cut_and_counted() -> None:
    assert name_nodes(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert name_nodes(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e and 2 more"


def test_nodes_are_listed_by_what_they_have() -> None:
    assert nodes_by_value({"c": "", "b": "x", "a": "x"}) == "unknown: c; x: a, b"
