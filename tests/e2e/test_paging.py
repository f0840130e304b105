from pathlib import Path

import pytest
import requests

from support.cli import run_cli
from support.docker_registry import DockerRegistry, Program
from support.images import Pusher
from support.inputs import Pool, write_inputs

pytestmark = pytest.mark.e2e

PUBLISHED = Pool(kernel="5.15.0-91-generic")
WANTED = Pool(kernel="5.15.0-92-generic")
PAGE = 1000


@pytest.mark.parametrize("registry", [Program.DISTRIBUTION], indirect=True)
def test_a_hint_may_stand_on_the_second_page_of_tags(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="paged/doca-driver")
    # All of these sort before any tag of a driver.
    pusher.tags(f"0-{number:04}" for number in range(PAGE))
    pusher.image(PUBLISHED.tag)
    first_page = requests.get(f"{registry.url}/paged/doca-driver/tags/list?n={PAGE}", timeout=30)
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/paged", pools=[WANTED], forced=True)

    result = run_cli("generate", *inputs, cwd=tmp_path)

    assert (PUBLISHED.tag in first_page.json()["tags"], "next" in first_page.links) == (False, True)
    assert (result.exit_code, result.stdout) == (4, b"")
    assert f"{PUBLISHED.tag} (closest kernel of the flavour)" in result.stderr
