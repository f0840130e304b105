"""A real browser without a window: what it draws, and what it makes of a page."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.cli import clean_environment
from support.require import require_program

_FLAGS = (
    "--headless",
    "--no-sandbox",  # it has none to offer to root, in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but addresses can be reached, whatever the browser itself would like to ask.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Chromium with a profile of its own."""

    folder: Path

    def draw(self, url: str, *, dark: bool, size: tuple[int, int]) -> bytes:
        """Return the picture of a page as PNG."""
        picture = self.folder / "page.png"
        width, height = size
        self._run(
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--window-size={width},{height}",
            f"--screenshot={picture}",
            url,
        )
        return picture.read_bytes()

    def read(self, url: str) -> str:
        """Return the document as the browser has it."""
        return self._run("--dump-dom", url)

    def _run(self, *args: str) -> str:
        chromium = require_program("CHROMIUM", "chromium")
        run = subprocess.run(
            [chromium, *_FLAGS, f"--user-data-dir={self.folder / 'profile'}", *args],
            env=clean_environment() | {"HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        return run.stdout
