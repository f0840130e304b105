"""Text that a stranger may put wherever a product takes text, each kind with a few of its siblings."""

HOSTILE = (
    # What a terminal acts on.
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b2J",
    "a\rb\x08\x7f\x00",
    "\x1b[201~rm -rf /\n",
    # Line and paragraph breaks.
    "one\ntwo",
    "one\r\n\r\ntwo",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    # What reorders, or takes no ink.
    "\u202egnp.exe\u202c",
    "a\u2066b\u2069\u061c\u200e\u200f",
    "ze\u200bro\u200dwi\u2060dth\ufeff\u00ad",
    "\u3164\u115f\u2800\ufe0f\U000e0101\u034f",
    "\U000e0041\U000e007f",
    "z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307",
    # No character at all.
    "\ud800",
    "\udcff",
    "\ue000\U0010ffff\u0378",
    # HTML.
    "<script>alert(1)</script>",
    "</summary></details><h1>approved</h1>",
    "<!-- --><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "</td></tr></table>",
    "&lt;b&gt;&#60;i&#62;&nbsp;",
    # Markdown.
    "`code` and ``more``",
    "`",
    "``` ```",
    "a|b||c\\|d\\\\|e\\",
    "\\`x\\`|",
    "**bold** _it_ ~~gone~~ __all__",
    "[text](https://evil.example)",
    "[text][ref] [ref]: https://evil.example",
    "![image](https://evil.example/x.png)",
    "<https://evil.example> <a@evil.example>",
    "https://evil.example www.evil.example a@evil.example xmpp:a@evil.example",
    "# heading",
    "1. one",
    "2) two",
    "- item",
    "- [x] done",
    "+ item",
    "> [!WARNING]",
    "===",
    "---",
    "| a | b |",
    "~~~",
    "```\n~~~\n````````\n</details>",
    "[^1] [^1]: note",
    "$x$ $$y$$ :warning: :+1: :100:",
    # Who is notified, and what is linked, on GitHub and GitLab.
    "@octocat @org/team @all",
    "#123 GH-123 gh-7 owner/repo#1 !12 %1 ~bug &3 $4 ^alert#5",
    "deadbeefcafe owner/repo@deadbeefcafe",
    # The head of a diff, and a patch that leads elsewhere.
    "x\n--- /dev/null\n+++ ../../etc/passwd\n@@ -0,0 +1 @@\n+evil",
    "../../etc/passwd",
    'a\tb "c"',
    "diff --git a/x b/y",
    # A shell, and a workflow's log.
    "$(touch /tmp/x) `touch /tmp/x`; touch /tmp/x",
    "' ; touch /tmp/x #",
    "::error::injected",
    "##[command]x ##vso[task.x]y",
    "\n::set-output name=a::b",
    # JSON and YAML.
    '", "same": true, "x": "',
    "a: b\n- c",
    "{{ .Values.x }} {% x %}",
)
"""Each fits into no name that Kubernetes allows."""

HARMLESS = "harmless"
"""What stands in the same place when the structure of the output is to be compared."""


def is_unicode(text: str) -> bool:
    """Say whether a file or an API can hold this; a name of a file may be any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
