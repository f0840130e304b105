"""`check`, `lock` and `matrix` over the folders of several clusters, through the command line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fakes.registry import FakeRegistry, errors, image
from support.cli import ROOT, Result
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs

A, B, C = (Pool(kernel=f"5.15.0-{number}-generic") for number in (101, 102, 103))
PATH = "nvidia/mellanox"
REPOSITORY = f"{PATH}/doca-driver"
MANIFEST, CONFIG = image()


def serving(*pools: Pool) -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: {pool.tag: MANIFEST for pool in pools}}, blobs=[CONFIG])


def cluster(folder: Path, host: str, *pools: Pool, more: str = "", forced: bool = True) -> str:
    """Write the folder of one cluster, and return its name below the fleet."""
    folder.mkdir(parents=True)
    write_inputs(folder, repository=f"{host}/{PATH}", pools=pools, forced=forced)
    (folder / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
        f"  policies: [policy.yaml]\n  inventory: nodes.json\n{more}"
    )
    return f"{folder.parent.name}/{folder.name}"


def fleet(folder: Path, host: str, **pools: tuple[Pool, ...]) -> list[str]:
    return [cluster(folder / "clusters" / name, host, *own) for name, own in pools.items()]


def asked(registry: FakeRegistry) -> Counter[tuple[str, str]]:
    """Count the requests by kind and path."""
    return Counter((request.kind, request.path) for request in registry.requests if request.kind != "ping")


def report_of(file: Path) -> dict[str, Any]:
    """Return a report, held against its schema."""
    report = json.loads(file.read_text())
    schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(report)
    return dict(report)


def test_one_table_shows_all_clusters_and_the_failing_ones_first(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(A, B), c=(C,), d=(B,))
        (tmp_path / "clusters/b/gitops-doca.yaml").write_text("kind: DriverGenerator\n")
        result = run_here("check", *reversed(names), cwd=tmp_path)

    assert result.stdout.decode() == (
        "CLUSTER     POOL                                  POLICY              NODES  STATE         "
        "VERSION\n"
        "clusters/b  -                                     -                   -      error[input]\n"
        f"clusters/c  {C.name}  nic-cluster-policy  1      missing       {VERSION}\n"
        f"clusters/a  {A.name}  nic-cluster-policy  1      precompiled   {VERSION}\n"
        f"clusters/d  {B.name}  nic-cluster-policy  1      precompiled   {VERSION}\n"
        "\n"
        "4 clusters (2 failing), 3 pools, 3 nodes: 1 missing, 2 precompiled\n"
    )
    assert result.exit_code == 3
    heads = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert [head.partition(": ")[2].partition(":")[0] for head in heads] == [
        "clusters/b/gitops-doca.yaml",
        "clusters/c/policy.yaml",
    ]


def test_a_tag_and_a_list_that_several_clusters_need_are_asked_for_once(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A, C), b=(A, C), c=(C, A))
        result = run_here("check", *names, cwd=tmp_path)
        found = asked(registry)

    assert result.exit_code == 4
    assert {kind for kind, _ in found} == {"head", "get", "list"}
    assert set(found.values()) == {1}
    assert sum(kind == "head" for kind, _ in found) == 2


def test_tags_of_different_clusters_are_asked_for_side_by_side(tmp_path: Path) -> None:
    pools = [Pool(kernel=f"6.8.0-{number}-generic") for number in range(12)]
    with serving(*pools) as registry:
        names = fleet(tmp_path, registry.host, **{f"c{n:02}": (pool,) for n, pool in enumerate(pools)})
        registry.latency = 0.2
        result = run_here("check", *names, "--deadline", "1.6", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")


def test_the_images_that_compile_on_the_node_are_shared_too(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: [A.compile_tag]}) as registry:
        names = [
            cluster(tmp_path / "clusters" / name, registry.host, pool, forced=False)
            for name, pool in (("a", A), ("b", B))
        ]
        result = run_here("check", *names, "-o", "json", cwd=tmp_path)
        found = asked(registry)

    assert result.exit_code == 0
    assert [pool["state"] for pool in json.loads(result.stdout)["pools"]] == ["compiled", "compiled"]
    assert found["head", f"/v2/{REPOSITORY}/manifests/{A.compile_tag}"] == 1


def test_clusters_with_a_lock_ask_nobody_and_the_others_still_ask(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(B,))
        run_here("lock", names[0], cwd=tmp_path)
        registry.forget()
        result = run_here("check", *names, cwd=tmp_path)

        assert (result.exit_code, result.stderr) == (0, "")
        assert asked(registry) == {("head", f"/v2/{REPOSITORY}/manifests/{B.tag}"): 1}


def test_a_registry_that_is_down_is_no_word_on_the_clusters_with_a_lock(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(B,))
        run_here("lock", names[1], cwd=tmp_path)
        registry.fail_always("head", errors(403, "DENIED"))
        registry.fail_always("get", errors(403, "DENIED"))
        result = run_here("check", *names, "-o", "json", "--report", "report.json", cwd=tmp_path)

    assert result.exit_code == 5
    clusters = [
        {"cluster": "clusters/a", "exitCode": 5},
        {"cluster": "clusters/b", "exitCode": 0},
    ]
    assert json.loads(result.stdout)["clusters"] == clusters
    report = report_of(tmp_path / "report.json")
    assert report["clusters"] == clusters
    assert [(pool["cluster"], pool["state"]) for pool in report["pools"]] == [
        ("clusters/a", "unknown"),
        ("clusters/b", "precompiled"),
    ]
    assert [diagnostic["file"] for diagnostic in report["diagnostics"]] == ["clusters/a/policy.yaml"]


def test_a_pull_secret_that_is_not_usable_is_told_once_and_fails_who_would_ask(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(B,), c=(B,))
        run_here("lock", names[1], cwd=tmp_path)
        (tmp_path / "secret.yaml").write_text("kind: Secret\n")
        result = run_here("check", *names, "--pull-secret", "secret.yaml", cwd=tmp_path)

    assert result.exit_code == 3
    assert result.stderr.count("error[") == 1
    states = [line.split()[4] for line in result.stdout.decode().splitlines()[1:4]]
    assert states == ["error[input]", "error[input]", "precompiled"]


def test_more_tags_than_a_run_looks_up_end_the_clusters_that_ask(tmp_path: Path) -> None:
    kernels = [Pool(kernel=f"6.8.0-{number}-generic") for number in range(2001)]
    clusters = {f"c{number}": tuple(kernels[number::5]) for number in range(5)}
    with serving() as registry:
        names = fleet(tmp_path, registry.host, **clusters)
        result = run_here("check", *names, cwd=tmp_path)

        assert registry.requests == []
    assert result.exit_code == 3
    assert result.stderr == (
        "error[input]: 2,001 tags are needed, and a run looks up 2,000 at most\n"
        "  help: take fewer clusters at a time, or check those that have locks without --online\n"
    )


def test_a_problem_without_a_place_names_the_config_of_its_cluster(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(), c=())
        result = run_here("check", *names, cwd=tmp_path)

    assert result.exit_code == 7
    assert [line.split(": ")[1] for line in result.stderr.splitlines() if line.startswith("error")] == [
        "clusters/b/gitops-doca.yaml",
        "clusters/c/gitops-doca.yaml",
    ]


def test_a_cluster_that_may_be_empty_has_a_line_too(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,))
        names.append(cluster(tmp_path / "clusters/b", registry.host, more="  allowEmpty: true\n"))
        result = run_here("check", *names, "-o", "markdown", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == (
        "| Cluster | Pool | Policy | Nodes | State | Tag or digest |\n"
        "| --- | --- | --- | ---: | --- | --- |\n"
        f"| clusters/a | {A.name} | nic-cluster-policy | 1 | precompiled | {A.tag} |\n"
        "| clusters/b | - | - | - | no pools |  |\n"
        "\n"
        "2 clusters, 1 pool, 1 node: 1 precompiled\n"
    )


def test_the_mirror_list_has_each_image_of_the_fleet_once(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A, C), b=(A, B))
        plain = run_here("check", *names, "-o", "mirror", cwd=tmp_path)
        skopeo = run_here("check", *names, "-o", "mirror-skopeo", cwd=tmp_path)
        build = run_here("check", *names, "-o", "build", cwd=tmp_path)

    images = [f"{registry.host}/{REPOSITORY}:{pool.tag}" for pool in (A, B)]
    assert (plain.exit_code, plain.stdout.decode().splitlines()) == (4, images)
    assert f"# missing: {registry.host}/{REPOSITORY}:{C.tag}\n" in skopeo.stdout.decode()
    assert build.stdout.decode().count(" build --platform ") == 1


def test_lock_writes_each_lock_that_it_can_as_a_run_of_its_own_would(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A, C), b=(A, B), c=(B,))
        (tmp_path / "clusters/c/nodes.json").write_text("{")
        result = run_here("lock", *names, cwd=tmp_path)
        found = asked(registry)
        alone = {}
        for name in names[:2]:
            lock = tmp_path / name / "gitops-doca.lock.yaml"
            together = lock.read_bytes()
            lock.unlink()
            run_here("lock", name, cwd=tmp_path)
            alone[name] = (together, lock.read_bytes())

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.splitlines()[:2] == [
        "clusters/a/gitops-doca.lock.yaml: 1 image locked; 1 pool has no image",
        "clusters/b/gitops-doca.lock.yaml: 2 images locked",
    ]
    assert "error[input]: clusters/c/nodes.json" in result.stderr
    assert f"precompiled tag was not found: {C.tag}" in result.stderr
    assert not (tmp_path / "clusters/c/gitops-doca.lock.yaml").exists()
    assert all(together == by_itself for together, by_itself in alone.values())
    assert found["head", f"/v2/{REPOSITORY}/manifests/{A.tag}"] == 1


def test_a_file_that_is_no_lock_stops_its_own_cluster_alone(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(A,))
        (tmp_path / "clusters/a/gitops-doca.lock.yaml").write_text("mine\n")
        result = run_here("lock", *names, "--report", "report.json", cwd=tmp_path)

    assert result.exit_code == 6
    assert (tmp_path / "clusters/a/gitops-doca.lock.yaml").read_text() == "mine\n"
    assert (tmp_path / "clusters/b/gitops-doca.lock.yaml").exists()
    assert report_of(tmp_path / "report.json")["clusters"] == [
        {"cluster": "clusters/a", "exitCode": 6},
        {"cluster": "clusters/b", "exitCode": 0},
    ]


def test_clusters_that_share_a_lock_do_not_overwrite_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, c=(A,))
        names += [
            cluster(tmp_path / "clusters" / name, registry.host, A, more="  lock: ../lock.yaml\n")
            for name in ("a", "b")
        ]
        result = run_here("lock", *names, cwd=tmp_path)

    assert result.exit_code == 6
    assert "the lock of clusters/a would overwrite that of clusters/b\n" in result.stderr
    assert not (tmp_path / "clusters/lock.yaml").exists()
    assert (tmp_path / "clusters/c/gitops-doca.lock.yaml").exists()


def test_lock_check_lists_what_moved_with_its_cluster_in_front(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        image = f"{registry.host}/{REPOSITORY}:{B.tag}"
        names = fleet(tmp_path, registry.host, a=(A,), bb=(B,), c=(A,))
        same = run_here("lock", *names, cwd=tmp_path)
        registry.repositories[REPOSITORY].pop(B.tag)
        (tmp_path / "clusters/c/gitops-doca.lock.yaml").unlink()
        compared = run_here("lock", "--check", *names[:2], "--report", "report.json", cwd=tmp_path)
        broken = run_here("lock", "--check", *names, cwd=tmp_path)

    assert same.exit_code == 0
    assert (compared.exit_code, compared.stdout.decode()) == (
        1,
        f"clusters/bb  gone  {image}  {MANIFEST.digest}\n",
    )
    assert compared.stderr == "1 lock differs; to update: gitops-doca lock clusters/bb\n"
    assert report_of(tmp_path / "report.json")["clusters"] == [
        {"cluster": "clusters/a", "exitCode": 0},
        {"cluster": "clusters/bb", "exitCode": 1},
    ]
    assert broken.exit_code == 6
    assert broken.stdout == compared.stdout
    assert broken.stderr.startswith("error[lock]: clusters/c/gitops-doca.lock.yaml")


def test_the_matrix_holds_versions_against_the_pools_of_all_clusters(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A, B), b=(A,), c=(A,), d=(A,), e=(C,))
        (tmp_path / "clusters/e/gitops-doca.yaml").write_text("{}\n")
        result = run_here("matrix", *names, cwd=tmp_path)
        lists = registry.count("list")

    assert result.exit_code == 3
    assert "error[input]: clusters/e/gitops-doca.yaml" in result.stderr
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "newest version for every pool: 25.04-0.6.1.0-2 (current)"
    policy = "NicClusterPolicy/nic-cluster-policy in clusters"
    assert lines[3] == (
        f"  {policy}/a, {policy}/b, {policy}/c and 1 more have 25.04-0.6.1.0-2; "
        "newest version for the pools of each: 25.04-0.6.1.0-2 (current)"
    )
    assert (
        "POOL                                  CLUSTERS                                       NODES  1"
        in lines
    )
    assert f"{A.name}  clusters/a, clusters/b, clusters/c and 1 more  4      yes" in lines
    assert lists == 1


def test_the_matrix_as_json_says_whose_the_pools_are(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A, B), b=(A, C))
        result = run_here("matrix", *names, "-o", "json", cwd=tmp_path)

    document = json.loads(result.stdout)
    schema = json.loads((ROOT / "schemas" / "matrix.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    (repository,) = document["repositories"]
    assert [(p["cluster"], p["newest"]) for p in repository["policies"]] == [
        ("clusters/a", "25.04-0.6.1.0-2"),
        ("clusters/b", None),
    ]
    policy = {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}
    a, b = ({"cluster": f"clusters/{name}", "policy": policy} for name in "ab")
    assert [(pool["policies"], pool["nodes"]) for pool in repository["pools"]] == [
        ([a, b], ["clusters/a/node-1", "clusters/b/node-1"]),
        ([a], ["clusters/a/node-2"]),
        ([b], ["clusters/b/node-2"]),
    ]


@pytest.mark.parametrize("command", ["check", "lock", "matrix"])
def test_a_folder_that_is_named_twice_is_one(command: str, tmp_path: Path) -> None:
    def run(*targets: str) -> Result:
        return run_here(command, *targets, cwd=tmp_path)

    with serving(A) as registry:
        (name,) = fleet(tmp_path, registry.host, a=(A,))

        assert run(name, name) == run(name, f"{name}/") == run(name, f"./{name}//") == run(name)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-p", "policy.yaml", "-i", "-"), "-p, -i with several folders: name one, or remove the flag"),
        (("--lock", "x"), "--lock with several folders: name one, or remove the flag"),
        (("--live",), "--live with several folders: name one, or remove the flag"),
        (("-",), "stdin cannot be one of several configs"),
    ],
)
def test_what_is_about_one_cluster_is_refused_for_several(
    flags: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = run_here("check", "a", "b", *flags, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == f"error[usage]: {message}"


def test_the_settings_of_each_cluster_are_explained_below_its_name(tmp_path: Path) -> None:
    names = fleet(tmp_path, "registry.example", a=(A,), b=(B,))

    result = run_here("check", *names, "--explain-config", cwd=tmp_path)

    assert result.exit_code == 0
    assert [line for line in result.stdout.decode().splitlines() if line.startswith("clusters/")] == [
        "clusters/a:",
        "clusters/b:",
    ]


def test_verbose_lines_name_their_cluster(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(A,))
        checked = run_here("check", *names, "-v", cwd=tmp_path)
        locked = run_here("lock", *names, "-v", cwd=tmp_path)

    told = [line.split(": ")[1] for line in (checked.stderr + locked.stderr).splitlines() if "info:" in line]
    assert told == ["clusters/a", "clusters/b"] * 2


def test_a_folder_name_cannot_drive_the_terminal(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = [cluster(tmp_path / "clusters" / name, registry.host, A) for name in ("a", "b\x1b[2J")]
        result = run_here("check", *names, cwd=tmp_path)

    assert result.exit_code == 0
    assert b"\x1b" not in result.stdout


def test_folders_that_are_printed_alike_keep_their_own_locks(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        one = cluster(tmp_path / "clusters" / "a\x1b", registry.host, A)
        other = cluster(tmp_path / "clusters" / "a\\x1b", registry.host, B)
        result = run_here("lock", one, other, cwd=tmp_path)

    assert result.exit_code == 0
    assert A.tag in (tmp_path / one / "gitops-doca.lock.yaml").read_text()
    assert B.tag in (tmp_path / other / "gitops-doca.lock.yaml").read_text()


def test_a_slash_at_the_end_of_a_folder_makes_no_difference(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        one, other = fleet(tmp_path, registry.host, a=(A,), b=(B,))
        plain = run_here("check", one, other, "-o", "markdown", cwd=tmp_path)
        slashed = run_here("check", f"{one}/", one, f"{other}/", "-o", "markdown", cwd=tmp_path)

    assert plain == slashed


# The exit code


def test_an_error_in_one_cluster_ends_the_run_also_beside_warnings_of_another(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(C,))
        policy = tmp_path / "clusters/a/policy.yaml"
        policy.write_text(policy.read_text().replace("spec:", "spec:\n  tolerationz: []", 1))
        result = run_here("check", *names, cwd=tmp_path)

    heads = [line.partition(":")[0] for line in result.stderr.splitlines() if not line.startswith("  ")]
    assert (result.exit_code, heads) == (4, ["error[missing]", "warning"])


def test_warnings_alone_are_no_failure_of_a_fleet(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(A,))
        for name in names:
            policy = tmp_path / name / "policy.yaml"
            policy.write_text(policy.read_text().replace("spec:", "spec:\n  tolerationz: []", 1))
        result = run_here("check", *names, cwd=tmp_path)

    heads = [line.partition(":")[0] for line in result.stderr.splitlines() if not line.startswith("  ")]
    assert (result.exit_code, heads) == (0, ["warning", "warning"])


def test_digests_are_verified_for_all_as_soon_as_one_cluster_pins_them(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,))
        names.append(cluster(tmp_path / "clusters/b", registry.host, A, more="  pinDigests: true\n"))
        result = run_here("check", *names, cwd=tmp_path)

        assert asked(registry) == {("get", f"/v2/{REPOSITORY}/manifests/{A.tag}"): 1}
    assert (result.exit_code, result.stderr) == (0, "")


# generate --output-dir


def written(folder: Path) -> list[str]:
    """Return the folders that have manifests, below this one."""
    return sorted(str(file.parent.relative_to(folder)) for file in folder.rglob("kustomization.yaml"))


def test_each_cluster_has_its_manifests_in_the_folder_of_its_own_name(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        one, other = fleet(tmp_path, registry.host, a=(A,), b=(A, B))
        result = run_here("generate", one, f"{other}/", "--output-dir", "out", cwd=tmp_path)
        found = asked(registry)
        alone = run_here("generate", other, "--output-dir", "alone", cwd=tmp_path)

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        b"",
        "out/a: 3 files, 3 of them written; 0 removed\nout/b: 4 files, 4 of them written; 0 removed\n",
    )
    assert written(tmp_path / "out") == ["a", "b"]
    assert set(found.values()) == {1}
    assert alone.exit_code == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "alone").iterdir()} == {
        file.name: file.read_bytes() for file in (tmp_path / "out/b").iterdir()
    }


def test_with_one_cluster_the_folder_is_the_one_that_is_named(tmp_path: Path) -> None:
    with serving(A) as registry:
        (name,) = fleet(tmp_path, registry.host, a=(A,))
        run_here("generate", name, "--output-dir", "one", cwd=tmp_path)
        run_here("generate", name, name, "--output-dir", "twice", cwd=tmp_path)
        run_here("generate", "--output-dir", "../../none", cwd=tmp_path / name)

    for folder in ("one", "twice", "none"):
        assert written(tmp_path / folder) == ["."]


def test_two_clusters_whose_folders_have_one_name_are_a_usage_error(tmp_path: Path) -> None:
    result = run_here("generate", "x/a", "y/a", "--output-dir", "out", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == ("error[usage]: x/a and y/a would have the same folder in out: a")
    assert not (tmp_path / "out").exists()


def test_several_clusters_are_not_printed_as_one_stream(tmp_path: Path) -> None:
    result = run_here("generate", "a", "b", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == (
        "error[usage]: the manifests of several folders need --output-dir"
    )


def test_a_cluster_that_fails_keeps_no_other_from_being_written(tmp_path: Path) -> None:
    with serving(A) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(C,), c=(A,), d=(A,))
        (tmp_path / "clusters/c/nodes.json").write_text("{")
        (tmp_path / "out").mkdir()
        (tmp_path / "out/d").write_text("a file")
        result = run_here("generate", *names, "--output-dir", "out", "--report", "r.json", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.splitlines()[0] == "out/a: 3 files, 3 of them written; 0 removed"
    assert written(tmp_path / "out") == ["a"]
    assert (tmp_path / "out/d").read_text() == "a file"
    assert [
        (entry["cluster"], entry["exitCode"]) for entry in report_of(tmp_path / "r.json")["clusters"]
    ] == [
        ("clusters/b", 4),
        ("clusters/c", 3),
        ("clusters/d", 74),
        ("clusters/a", 0),
    ]


def test_a_check_of_several_folders_names_the_cluster_of_each_file(tmp_path: Path) -> None:
    with serving(A, B) as registry:
        names = fleet(tmp_path, registry.host, a=(A,), b=(B,))
        run_here("generate", *names, "--output-dir", "out", cwd=tmp_path)
        current = run_here("generate", *names, "--output-dir", "out", "--check", cwd=tmp_path)
        (tmp_path / "out/b/kustomization.yaml").unlink()
        stale = run_here("generate", *names, "--output-dir", "out", "--check", cwd=tmp_path)

    assert (current.exit_code, current.stdout, current.stderr) == (0, b"", "out/a: current\nout/b: current\n")
    assert (stale.exit_code, stale.stdout.decode(), stale.stderr) == (
        1,
        "clusters/b  missing    kustomization.yaml\n",
        "out/a: current\nout/b: out of date; to update it, run the same command without --check\n",
    )
