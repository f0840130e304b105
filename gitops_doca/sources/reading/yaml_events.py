"""Get the events of a YAML text from libyaml, or from PyYAML's parser without libyaml."""

import re
from collections.abc import Callable
from typing import Any

from yaml.error import MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from gitops_doca.sources.reading.syntax import Readable

_QUOTING = re.compile(r"(?:, but )?\b(?:found|got)\b.*['\"].*", re.DOTALL)


class _PythonParser(Reader, Scanner, Parser):
    """PyYAML's own parser. It gives the same events as libyaml, and is ten times slower."""

    def __init__(self, stream: Readable) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


def event_source(stream: Readable) -> Callable[[], Any]:
    """Return a function that returns the next event of a stream each time, and None after the last."""
    try:
        from yaml._yaml import CParser
    except ImportError:
        # PyYAML was built without libyaml: there is no wheel for every platform.
        return _PythonParser(stream).get_event
    return CParser(stream).get_event


def reason(error: MarkedYAMLError) -> str:
    """Return the parser's message without any part of the text.

    The messages of libyaml are fixed; those of the parser in Python quote the text.
    """
    parts = (_QUOTING.sub("", part) for part in (error.context, error.problem) if part)
    return " ".join(part for part in parts if part) or "it cannot be parsed"
