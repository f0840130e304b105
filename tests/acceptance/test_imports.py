import subprocess
import sys
from pathlib import Path

import yaml

from gitops_doca.core.compare.lock import RENDERING
from support.cli import clean_environment
from support.inputs import VERSION, Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
NETWORK = ("requests", "urllib3", "kubernetes", "http.client", "ssl", "certifi")


def test_with_a_lock_nothing_that_talks_to_a_network_is_imported(tmp_path: Path) -> None:
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
    secret = tmp_path / "not-read.yaml"
    secret.write_text("rubbish")
    script = (
        "import sys\n"
        "from gitops_doca.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print([name for name in {NETWORK} if name in sys.modules], file=sys.stderr)\n"
    )
    flags = ("--allowed-registry", "r.example", "--pull-secret", str(secret))
    done = subprocess.run(
        [sys.executable, "-c", script, "generate", *inputs, *flags],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        check=False,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert f"r.example/nvidia/doca-driver:{VERSION}" in done.stdout
