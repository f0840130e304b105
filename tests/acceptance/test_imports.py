import subprocess
import sys
from pathlib import Path

import yaml

from gitops_doca.core.compare.lock import RENDERING
from support.cli import clean_environment
from support.inputs import VERSION, Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
HEAVY = (
    *("asyncio", "concurrent.futures", "decimal", "email", "fractions", "hashlib", "http", "logging"),
    *("importlib.metadata", "importlib.resources", "multiprocessing", "random", "socket", "ssl"),
    *("subprocess", "tempfile", "unittest", "urllib.request", "xml", "zipfile"),
)
"""Modules of the standard library that take a millisecond and more."""
SCRIPT = f"""
import sys
before = set(sys.modules)
from gitops_doca.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
new = set(sys.modules) - before
files = {{name: getattr(sys.modules[name], "__file__", None) or "" for name in new}}
ours = [name.split(".") for name in new if name.startswith("gitops_doca.")]
for names in (
    {{name.partition(".")[0] for name in new if "site-packages" in files[name]}},
    {{room for _, room, *_ in ours}},
    {{parts[3] for parts in ours if parts[1:3] == ["cli", "commands"] and parts[3:]}},
    new.intersection({HEAVY}),
):
    print(*sorted(names), file=sys.stderr)
"""


def test_generate_with_a_lock_imports_what_it_needs_and_no_more(tmp_path: Path) -> None:
    done = generate(tmp_path)

    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        ["click yaml", "cli core emit sources usecases", "generate", ""],
    )
    assert f"r.example/nvidia/doca-driver:{VERSION}" in done.stdout


def test_flags_about_registries_bring_nothing_that_talks_to_a_network(tmp_path: Path) -> None:
    secret = tmp_path / "not-read.yaml"
    secret.write_text("rubbish")

    done = generate(tmp_path, "--allowed-registry", "r.example", "--pull-secret", str(secret))

    assert (done.returncode, done.stderr.splitlines()[::3]) == (0, ["click yaml", ""])


def generate(tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Render one pool from a lock, and print to stderr what that imported."""
    inputs = write_inputs(tmp_path, repository="r.example/nvidia", pools=[POOL], forced=True)
    entry = {"tag": POOL.tag, "digest": "sha256:" + "0" * 64, "platform": "linux/amd64"}
    lock = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverLock",
        "rendering": RENDERING,
        "pools": [{"policy": "NicClusterPolicy/nic-cluster-policy", "pool": POOL.name}],
        "repositories": [{"repository": "r.example/nvidia/doca-driver", "tags": [entry]}],
    }
    (tmp_path / "gitops-doca.lock.yaml").write_text(yaml.safe_dump(lock))
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, "generate", *inputs, *flags],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        check=False,
        text=True,
    )


def test_garbage_is_collected_again_once_a_command_is_imported() -> None:
    script = """
import gc, sys
from gitops_doca.cli import main
try:
    main()
except SystemExit as ended:
    print(ended.code, gc.isenabled(), gc.get_freeze_count() > 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "schema", "config"],
        env=clean_environment(),
        capture_output=True,
        check=True,
        text=True,
    )

    assert done.stdout.splitlines()[-1] == "0 True True"
