"""What GitHub makes of Markdown, by its own parser, and what a browser makes of HTML."""

import re
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

# What GitHub and GitLab look for in text once Markdown is HTML: people, issues, commits, emoji.
_REFERENCE = re.compile(
    r"@\w|#\w|\bgh-\d|[!%~&$]\w|\^alert|(?<![\w./+-])[0-9a-f]{7,40}(?![\w-])|:\w*[a-z+]\w*:|:100:",
    re.IGNORECASE,
)


class Markup(HTMLParser):
    """The elements of a page or a fragment, in order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.structure: list[str] = []
        """Start tags with their attributes, end tags, comments; without code spans, which only show text."""
        self.text = ""
        """All text outside of code."""
        self.code: list[str] = []
        """The text of each code span and block."""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    @property
    def references(self) -> list[str]:
        """What GitHub would link or notify by, outside of code."""
        return _REFERENCE.findall(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        if tag == "code" and "pre" not in self._open:
            self.code.append("")
        else:
            self.structure.append(f"<{tag} {attrs}>")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag != "code" or "pre" in self._open:
            self.structure.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Add text to what it is in."""
        if "code" in self._open:
            if self.code:
                self.code[-1] += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        """Note a comment."""
        self.structure.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.structure.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        """Note an instruction."""
        self.structure.append(f"<?{data}>")


def render(markdown: str) -> Markup:
    """Return what GitHub's parser makes of a comment, before anything of it is taken away."""
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    return Markup(cmarkgfm.github_flavored_markdown_to_html(markdown, options=options))
