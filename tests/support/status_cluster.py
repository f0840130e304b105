"""Inputs with a lock, and a cluster that a test fills, for the command `status`."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from fakes.api_server import FakeApiServer, Object
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS, daemon_set, pod
from fakes.registry import FakeRegistry, image
from gitops_doca.sources.reading.schema import schema_text
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs

A, B = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
REPOSITORY = "nvidia/mellanox/doca-driver"


class StatusCluster:
    """A folder with inputs and their lock, and a cluster in which nothing is applied yet."""

    def __init__(self, folder: Path, api: FakeApiServer) -> None:
        self.folder, self.api = folder, api
        manifest, config = image()
        tags = {REPOSITORY: {A.tag: manifest, B.tag: manifest}}
        with FakeRegistry(tags=tags, blobs=[config]) as registry:
            repository = f"{registry.host}/{REPOSITORY.rpartition('/')[0]}"
            self.inputs = write_inputs(folder, repository=repository, pools=[A, B], forced=True)
            locked = run_here("lock", *self.inputs, cwd=folder)
        assert locked.exit_code == 0, locked.stderr
        rendered = run_here("generate", *self.inputs, cwd=folder)
        self.manifests: list[Object] = [
            one for one in yaml.safe_load_all(rendered.stdout) if one["kind"] == "DaemonSet"
        ]
        self.names = {one["metadata"]["annotations"]["gitops-doca.dev/pool"]: one for one in self.manifests}
        (folder / "home").mkdir()
        self.kubeconfig = api.kubeconfig(folder / "home")
        self.has()

    def manifest(self, pool: Pool) -> Object:
        """Return the rendered DaemonSet of a pool."""
        return self.names[pool.name]

    def name(self, pool: Pool) -> str:
        """Return the name of the DaemonSet of a pool."""
        return str(self.manifest(pool)["metadata"]["name"])

    def pod(self, node: str, pool: Pool, **fields: Any) -> Object:
        """Return a pod of the pool's DaemonSet with its image."""
        return pod(node, self.name(pool), **({"image": self.image(pool)} | fields))

    def image(self, pool: Pool) -> str:
        """Return the rendered image of a pool."""
        return str(self.manifest(pool)["spec"]["template"]["spec"]["containers"][0]["image"])

    def lists(self, *nodes: Object) -> None:
        """Put these nodes into the inventory."""
        items = [{"apiVersion": "v1", "kind": "Node"} | one for one in nodes]
        inventory = {"apiVersion": "v1", "kind": "List", "items": items}
        (self.folder / "nodes.json").write_text(json.dumps(inventory))

    def applied(self, **fields: Any) -> list[Object]:
        """Return all rendered DaemonSets as the cluster has them."""
        return [daemon_set(manifest, **fields) for manifest in self.manifests]

    def has(self, *, applied: Any = (), pods: Any = (), revisions: Any = ()) -> None:
        """Put these objects into the cluster."""
        self.api.lists = {DAEMON_SETS: applied, PODS: pods, REVISIONS: revisions}

    def status(self, *flags: str) -> Result:
        """Run the command."""
        return run_here(
            "status", *self.inputs, *flags, cwd=self.folder, env={"KUBECONFIG": str(self.kubeconfig)}
        )

    def document(self, *flags: str) -> dict[str, Any]:
        """Return the answer as JSON, which is as the schema says."""
        found: dict[str, Any] = json.loads(self.status("-o", "json", *flags).stdout)
        jsonschema.validate(found, json.loads(schema_text("status")), cls=jsonschema.Draft202012Validator)
        return found

    def states(self, *flags: str) -> dict[str, str]:
        """Return the state of each node."""
        found = self.document(*flags)
        nodes = [*found["unplanned"], *(node for pool in found["pools"] for node in pool["nodes"])]
        return {one["node"]: one["state"] for one in nodes}
