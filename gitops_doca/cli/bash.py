"""Complete in bash, which splits `--flag=value` into three words."""

from click.shell_completion import BashComplete, add_completion_class


class _Bash(BashComplete):
    """Completes the value of `--flag=value` as that of `--flag value`, which click alone would not."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        before = ["", *words]
        joined = [
            word
            for word, flag in zip(words, before, strict=False)
            if word != "=" or not flag.startswith("--")
        ]
        return joined, incomplete


def use_own_bash() -> None:
    """Let click complete for bash with this class."""
    add_completion_class(_Bash, "bash")
