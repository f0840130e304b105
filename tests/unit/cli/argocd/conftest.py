from pathlib import Path

import pytest

from support.application import Application, make_application


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """The demo as an application of a repository."""
    return make_application(tmp_path / "repository")
