"""Write what the pages show of real output: the picture of README.md, and blocks of how-it-works.md."""

import html
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, redirect_stdout, suppress
from pathlib import Path

import demo

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "terminal.svg"
PAGE = ROOT / "docs" / "how-it-works.md"
_COLUMNS = 100
_LONGEST = {"check": 12, "diff main --stat": 16, "generate": 6}
"""The commands of the story in the picture, with the lines of each."""
_SGR = re.compile(r"\033\[([0-9;]*)m")
_STYLES = {
    "1": 'font-weight="bold"',
    "2": 'opacity="0.6"',
    "31": 'fill="#ff7b72"',
    "32": 'fill="#7ee787"',
    "33": 'fill="#e3b341"',
    "36": 'fill="#76e3ea"',
}
"""What a terminal shows for the parameters of SGR (ECMA-48, 8.3.117); others end all styles."""
_WIDTH, _HEIGHT, _MARGIN = 8.43, 20, 16
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">
<title>gitops-doca check, diff and generate in a terminal</title>
<style>
text {{ font: 14px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #e6edf3; white-space: pre }}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
{lines}
</svg>
"""


def main() -> None:
    """Write all of it."""
    PICTURE.write_text(picture())
    page = PAGE.read_text()
    for name, text in blocks().items():
        page = replace_block(page, name, text)
    PAGE.write_text(page)


def picture() -> str:
    """Return the terminal with the beginning of the story as SVG."""
    lines = list(_lines())
    texts = [
        f'<text x="{_MARGIN}" y="{_MARGIN + 14 + number * _HEIGHT}">{_spans(line)}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    width, height = round(_COLUMNS * _WIDTH) + 2 * _MARGIN, len(lines) * _HEIGHT + 2 * _MARGIN
    return _SVG.format(width=width, height=height, lines="\n".join(texts))


def blocks() -> Mapping[str, str]:
    """Return the text of each block of the page, by its name."""
    return {"diff": _difference(), "matrix": _matrix()}


def replace_block(page: str, name: str, text: str) -> str:
    """Return a page with this text between the marks of this name."""
    begin, end = f"<!-- begin {name} -->\n```\n", f"```\n<!-- end {name} -->"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}{text}{end}{after}"


def _lines() -> Iterator[str]:
    """Yield the lines of the terminal; long ones are broken, as a terminal does."""
    for scene in demo.scenes(_run_in_terminal):
        arguments = scene.command.removeprefix("gitops-doca ")
        if arguments not in _LONGEST:
            continue
        yield f"\033[2m# {scene.title}\033[0m"
        yield f"\033[1m$ {scene.command}\033[0m"
        output = [part for line in scene.output.splitlines() for part in _broken(line)]
        yield from output[: _LONGEST[arguments]]
        if len(output) > _LONGEST[arguments]:
            yield "..."
        yield ""


def _broken(line: str) -> list[str]:
    parts, width = [""], 0
    for piece in re.split(r"(\033\[[0-9;]*m)", line):
        if _SGR.fullmatch(piece):
            parts[-1] += piece
            continue
        for character in piece:
            if width == _COLUMNS:
                parts.append("")
                width = 0
            parts[-1] += character
            width += 1
    return parts


def _spans(line: str) -> str:
    """Return a line with its colours as SVG."""
    spans: list[str] = []
    style: dict[str, None] = {}
    for number, piece in enumerate(_SGR.split(line)):
        if number % 2:
            for code in piece.split(";"):
                style = style | {_STYLES[code]: None} if code in _STYLES else {}
        elif piece:
            text = html.escape(piece, quote=False)
            spans.append(f"<tspan {' '.join(style)}>{text}</tspan>" if style else text)
    return "".join(spans)


def _run_in_terminal(folder: Path, command: Sequence[str]) -> tuple[str, int]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    return demo.run_on_terminal(folder, command, _COLUMNS, environ)


def _difference() -> str:
    """Return what `diff` prints of the change of the story, without the manifests."""
    with demo.work_tree() as cluster:
        demo.change(cluster)
        return _run(cluster, [sys.executable, "-m", "gitops_doca", "diff", "main", "--stat"])[0]


def _run(folder: Path, command: Sequence[str]) -> tuple[str, int]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False, text=True)
    return done.stdout + done.stderr, done.returncode


def _matrix() -> str:
    """Return what `matrix` prints of the demo, with what NVIDIA has published."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from fakes.resolver import FakeResolver
    from gitops_doca.cli import main
    from support.published import published_tags

    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with chdir(ROOT), redirect_stdout(stream), suppress(SystemExit):
        main(["matrix", "fixtures/demo"], connect=FakeResolver(published_tags()))
    assert isinstance(stream.buffer, io.BytesIO)  # noqa: S101 (for the type checker)
    return stream.buffer.getvalue().decode()


if __name__ == "__main__":
    main()
