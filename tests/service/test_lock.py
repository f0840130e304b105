import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gitops_doca.core.compare.lock import RENDERING
from support.cli import Result, clean_environment, run_cli
from support.docker_registry import DockerRegistry
from support.images import OCI_INDEX, Pusher
from support.inputs import VERSION, Pool, write_inputs

pytestmark = pytest.mark.service

AMD = Pool(kernel="5.15.0-91-generic")
ARM = Pool(kernel="5.15.0-91-generic", arch="arm64")
NEW = Pool(kernel="5.15.0-105-generic")
LOCK = "gitops-doca.lock.yaml"
POLICY = "NicClusterPolicy/nic-cluster-policy"
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def write_config(folder: Path, repository: str, pools: list[Pool], *, forced: bool = True) -> None:
    write_inputs(folder, repository=repository, pools=pools, forced=forced)
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": ["policy.yaml"], "inventory": "nodes.json"},
    }
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))


def move_away(folder: Path) -> None:
    """Point the policy and the lock at a port where nobody listens."""
    policy = yaml.safe_load((folder / "policy.yaml").read_text())
    host = policy["spec"]["ofedDriver"]["repository"].partition("/")[0]
    for name in ("policy.yaml", LOCK):
        (folder / name).write_text((folder / name).read_text().replace(host, "127.0.0.1:1"))


def lock(folder: Path, *flags: str) -> Result:
    return run_cli("lock", *flags, cwd=folder)


def test_a_lock_has_digest_and_platform_of_each_tag(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="locked/doca-driver")
    amd = pusher.image(AMD.tag)
    arm = pusher.index(ARM.tag, architectures=("amd64", "arm64"), media_type=OCI_INDEX)
    write_config(tmp_path, f"{registry.host}/locked", [AMD, ARM])

    result = lock(tmp_path)

    assert (result.exit_code, result.stdout) == (0, b"")
    assert result.stderr == f"{LOCK}: 2 images locked\n"
    assert yaml.safe_load((tmp_path / LOCK).read_text()) == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverLock",
        "metadata": {"name": "gitops-doca", "annotations": {"config.kubernetes.io/local-config": "true"}},
        "rendering": RENDERING,
        "pools": [
            {"policy": POLICY, "pool": pool.name, "image": f"{registry.host}/locked/doca-driver:{pool.tag}"}
            for pool in (AMD, ARM)
        ],
        "repositories": [
            {
                "repository": f"{registry.host}/locked/doca-driver",
                "tags": [
                    {"tag": AMD.tag, "digest": amd, "platform": "linux/amd64"},
                    {"tag": ARM.tag, "digest": arm, "platform": "linux/arm64"},
                ],
            }
        ],
    }


def test_writing_a_lock_twice_changes_nothing(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="twice/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/twice", [AMD])
    lock(tmp_path)
    before = (tmp_path / LOCK).read_bytes(), (tmp_path / LOCK).stat().st_ino

    assert lock(tmp_path).exit_code == 0
    assert ((tmp_path / LOCK).read_bytes(), (tmp_path / LOCK).stat().st_ino) == before


@pytest.mark.parametrize(
    ("name", "locked"),
    [("drivers.site-a", "drivers.site-a"), ("Site A", "gitops-doca"), (7, "gitops-doca")],
    ids=["a name", "no name of an object", "a number"],
)
def test_a_lock_is_named_as_the_config_is(
    name: object, locked: str, registry: DockerRegistry, tmp_path: Path
) -> None:
    Pusher(registry=registry, repository="named/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/named", [AMD])
    config = yaml.safe_load((tmp_path / "gitops-doca.yaml").read_text())
    (tmp_path / "gitops-doca.yaml").write_text(yaml.safe_dump(config | {"metadata": {"name": name}}))

    assert lock(tmp_path).exit_code == 0
    assert yaml.safe_load((tmp_path / LOCK).read_text())["metadata"]["name"] == locked


def test_a_lock_without_metadata_is_current_and_gets_it_when_it_is_written(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    Pusher(registry=registry, repository="old/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/old", [AMD])
    lock(tmp_path)
    text = (tmp_path / LOCK).read_text()
    head, _, rest = text.partition("metadata:\n")
    (tmp_path / LOCK).write_text(head + rest[rest.index("rendering:") :])

    checked = lock(tmp_path, "--check")
    rendered = run_cli("generate", cwd=tmp_path)

    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, b"", "")
    assert rendered.exit_code == 0
    assert lock(tmp_path).exit_code == 0
    assert (tmp_path / LOCK).read_text() == text


def test_each_lock_of_a_fleet_is_named_as_its_config_is(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="fleet-names/doca-driver").image(AMD.tag)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_config(tmp_path / name, f"{registry.host}/fleet-names", [AMD])
        with (tmp_path / name / "gitops-doca.yaml").open("a") as config:
            config.write(f"metadata: {{name: site-{name}}}\n")

    assert lock(tmp_path, "a", "b").exit_code == 0
    names = [yaml.safe_load((tmp_path / name / LOCK).read_text())["metadata"]["name"] for name in "ab"]
    assert names == ["site-a", "site-b"]


def test_with_a_lock_no_registry_is_needed(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="offline/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/offline", [AMD])
    online = run_cli("generate", cwd=tmp_path)
    lock(tmp_path)
    host = registry.host.encode()
    move_away(tmp_path)

    result = run_cli("generate", cwd=tmp_path, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == online.stdout.replace(host, b"127.0.0.1:1")


def test_online_ignores_the_lock(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="ignored/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/ignored", [AMD])
    lock(tmp_path)
    move_away(tmp_path)

    assert run_cli("generate", "--online", cwd=tmp_path).exit_code == 5


def test_locked_insists_on_a_lock(registry: DockerRegistry, tmp_path: Path) -> None:
    write_config(tmp_path, f"{registry.host}/none", [AMD])

    result = run_cli("generate", "--locked", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        f"error[lock]: {LOCK}: there is no lock file here\n  help: run: gitops-doca lock\n"
    )


def test_digests_can_be_pinned_from_lock_and_registry_alike(registry: DockerRegistry, tmp_path: Path) -> None:
    digest = Pusher(registry=registry, repository="pinned/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/pinned", [AMD])
    lock(tmp_path)

    online = run_cli("generate", "--online", "--pin-digests", cwd=tmp_path)
    locked = run_cli("generate", "--locked", "--pin-digests", cwd=tmp_path)

    assert (online.exit_code, online.stdout) == (0, locked.stdout)
    assert f"image: {registry.host}/pinned/doca-driver:{AMD.tag}@{digest}\n".encode() in locked.stdout


def test_a_missing_forced_tag_is_recorded_and_fails_as_online(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    Pusher(registry=registry, repository="recorded/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/recorded", [AMD, NEW])

    written = lock(tmp_path)
    locked = run_cli("generate", cwd=tmp_path)

    sentence = f"ForcePrecompiled is enabled and precompiled tag was not found: {NEW.tag}"
    assert (written.exit_code, locked.exit_code, locked.stdout) == (4, 4, b"")
    assert sentence in written.stderr
    assert sentence in locked.stderr
    assert f"{LOCK} records this; once the tag is published, run: gitops-doca lock" in locked.stderr
    tags = yaml.safe_load((tmp_path / LOCK).read_text())["repositories"][0]["tags"]
    assert {"tag": NEW.tag, "missing": True} in tags


def test_a_miss_that_may_compile_is_locked_with_its_compile_image(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    digest = Pusher(registry=registry, repository="compiled/doca-driver").image(NEW.compile_tag)
    write_config(tmp_path, f"{registry.host}/compiled", [NEW], forced=False)

    assert lock(tmp_path).exit_code == 0
    tags = yaml.safe_load((tmp_path / LOCK).read_text())["repositories"][0]["tags"]
    assert tags == [
        {"tag": NEW.tag, "missing": True},
        {"tag": NEW.compile_tag, "digest": digest, "platform": "linux/amd64"},
    ]
    assert run_cli("generate", cwd=tmp_path).exit_code == 0


def test_a_pool_more_than_the_lock_lists_is_stale(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="grown/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/grown", [AMD])
    lock(tmp_path)
    write_inputs(tmp_path, repository=f"{registry.host}/grown", pools=[AMD, NEW], forced=True)

    result = run_cli("generate", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        f"error[lock]: {LOCK}: the lock is out of date: 1 pool is new, 1 tag is not locked\n"
        f"  pool {NEW.name} of {POLICY} is not locked\n"
        f"  tag {NEW.tag} of {registry.host}/grown/doca-driver is not locked\n"
        "  help: run: gitops-doca lock\n"
    )


def test_a_pool_that_vanished_is_not_pruned_unseen(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="shrunk/doca-driver")
    pusher.image(AMD.tag)
    pusher.image(NEW.tag)
    write_config(tmp_path, f"{registry.host}/shrunk", [AMD, NEW])
    lock(tmp_path)
    write_inputs(tmp_path, repository=f"{registry.host}/shrunk", pools=[AMD], forced=True)

    result = run_cli("generate", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        f"error[lock]: {LOCK}: pool {NEW.name} of {POLICY} is locked, but no node is in it any more\n"
        "  help: check that this pool is meant to be removed, then run: gitops-doca lock\n"
    )


def test_a_version_without_precompiled_images_is_told_first_and_strict_does_not_lock_it(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    pusher = Pusher(registry=registry, repository="bumped/doca-driver")
    pusher.image(AMD.tag)
    pusher.image(AMD.compile_tag.replace(VERSION, "25.07-0.9.7.0-0"))
    write_config(tmp_path, f"{registry.host}/bumped", [AMD], forced=False)
    lock(tmp_path)
    before = (tmp_path / LOCK).read_bytes()
    policy, config = tmp_path / "policy.yaml", tmp_path / "gitops-doca.yaml"
    policy.write_text(policy.read_text().replace(VERSION, "25.07-0.9.7.0-0"))
    told = "1 node will compile the driver: 1 pool no longer has a precompiled image"

    config.write_text(config.read_text() + "  strict: true\n")
    refused = lock(tmp_path)
    untouched = (tmp_path / LOCK).read_bytes() == before
    config.write_text(config.read_text().replace("strict: true", "strict: false"))
    written = lock(tmp_path)

    assert (refused.exit_code, untouched, written.exit_code) == (4, True, 0)
    assert refused.stderr.startswith(f"error[missing]: {LOCK}: {told}, so no lock is written (strict)\n")
    assert written.stderr.startswith(f"warning: {LOCK}: {told}\n")
    assert written.stderr.endswith(
        f"{LOCK}: 1 image locked; 1 pool has no precompiled image and compiles on the node\n"
    )


def test_an_image_of_another_architecture_is_never_locked(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="wrong/doca-driver").image(ARM.tag, architecture="amd64")
    write_config(tmp_path, f"{registry.host}/wrong", [ARM])

    result = lock(tmp_path)

    assert (result.exit_code, result.stdout) == (4, b"")
    assert f"{ARM.tag} is for linux/amd64, but its tag says linux/arm64" in result.stderr
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize(("pool", "name"), [(ARM, "aarch64"), (AMD, "x86_64")])
def test_an_architecture_by_its_other_name_is_locked(
    registry: DockerRegistry, tmp_path: Path, pool: Pool, name: str
) -> None:
    repository = f"other-name-{name.replace('_', '-')}"
    Pusher(registry=registry, repository=f"{repository}/doca-driver").image(pool.tag, architecture=name)
    write_config(tmp_path, f"{registry.host}/{repository}", [pool])

    result = lock(tmp_path)

    assert result.exit_code == 0, result.stderr
    assert "platform: linux/" + pool.tag.rpartition("-")[2] in (tmp_path / LOCK).read_text()


def test_an_index_without_an_image_is_never_locked(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="no-image/doca-driver")
    digest = pusher.bare_index(AMD.tag)
    write_config(tmp_path, f"{registry.host}/no-image", [AMD])

    result = lock(tmp_path)

    assert (result.exit_code, result.stdout) == (4, b"")
    named = f"{registry.host}/no-image/doca-driver:{AMD.tag}"
    message = "is an index without any image: no node can pull it, so no lock is written"
    assert f": spec.ofedDriver: {named} {message}\n" in result.stderr
    assert f"digest: {digest}" in result.stderr
    assert "help: publish an image under this tag, then run again" in result.stderr
    assert not (tmp_path / LOCK).exists()


def test_an_index_within_an_index_is_locked(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="nested/doca-driver")
    inner = pusher.index("inner", architectures=("amd64",))
    digest = pusher.bare_index(AMD.tag, {"mediaType": OCI_INDEX, "digest": inner, "size": 1})
    write_config(tmp_path, f"{registry.host}/nested", [AMD])

    assert lock(tmp_path).exit_code == 0
    (repository,) = yaml.safe_load((tmp_path / LOCK).read_text())["repositories"]
    assert repository["tags"] == [{"tag": AMD.tag, "digest": digest, "platform": "linux/amd64"}]


def test_a_manifest_with_too_many_values_is_unknown(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="many/doca-driver")
    inner = pusher.index("inner", architectures=("amd64",))
    notes = {f"note-{number}": "" for number in range(25_000)}
    pusher.bare_index(AMD.tag, {"mediaType": OCI_INDEX, "digest": inner, "size": 1, "annotations": notes})
    write_config(tmp_path, f"{registry.host}/many", [AMD])

    result = lock(tmp_path)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "the answer has more than 20,000 JSON values" in result.stderr
    assert not (tmp_path / LOCK).exists()


def test_an_unknown_answer_leaves_the_lock_as_it_was(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="kept/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/kept", [AMD])
    lock(tmp_path)
    move_away(tmp_path)
    before = (tmp_path / LOCK).read_bytes()

    assert lock(tmp_path).exit_code == 5
    assert (tmp_path / LOCK).read_bytes() == before


def test_check_is_silent_when_lock_and_registry_agree(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="agree/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/agree", [AMD])
    lock(tmp_path)

    result = lock(tmp_path, "--check")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "")


def test_check_names_what_moved(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="moved/doca-driver")
    before = pusher.image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/moved", [AMD, NEW])
    assert lock(tmp_path).exit_code == 4
    after = pusher.index(AMD.tag, architectures=("amd64",))
    new = pusher.image(NEW.tag)
    repository = f"{registry.host}/moved/doca-driver"

    result = lock(tmp_path, "--check")

    assert result.exit_code == 1
    assert result.stdout.decode().splitlines() == [
        f"available  {repository}:{NEW.tag}  {new}",
        f"moved      {repository}:{AMD.tag}  {before} -> {after}",
    ]
    assert result.stderr == f"{LOCK} differs; to update it: gitops-doca lock\n"


def test_check_needs_a_lock(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="checked/doca-driver").image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/checked", [AMD])

    assert lock(tmp_path, "--check").exit_code == 6


def test_a_full_disk_leaves_the_old_lock(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="full/doca-driver")
    pusher.image(AMD.tag)
    write_config(tmp_path, f"{registry.host}/full", [AMD])
    lock(tmp_path)
    before = (tmp_path / LOCK).read_bytes()
    pusher.index(AMD.tag, architectures=("amd64",))

    result = run_script(_ON_A_FULL_DISK, tmp_path)

    assert result == 74
    assert (tmp_path / LOCK).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        LOCK,
        "gitops-doca.yaml",
        "nodes.json",
        "policy.yaml",
    ]


# The kernel refuses to write more than 100 bytes, as it would on a full disk.
_ON_A_FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from gitops_doca.cli import main
main(["lock"])
"""


def run_script(script: str, folder: Path) -> int:
    command = [sys.executable, "-B", "-c", script]
    return subprocess.run(command, cwd=folder, env=clean_environment(), check=False).returncode
