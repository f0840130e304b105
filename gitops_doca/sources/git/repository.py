"""Find the repository of a folder, and the commits that revisions name in it.

A change under review may add any file except `.git`, which Git does not track. So the repository is
that of the nearest folder above with a `.git` entry, and a revision names a ref only by the ref's
exact name.
"""

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.files import find_top, is_below
from gitops_doca.sources.git.commands import git_error, reason, run, run_in

_DEFAULTS = ("refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master")
_FORMS = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the repository that a folder is in."""

    top: str
    """The top of the work tree, without links in its path."""
    prefix: str
    """The folder's path in the repository: empty, or ending in a slash."""
    oid: str
    """The commit's full object name."""
    label: str
    """The commit's name in messages."""
    clarified: str = ""
    """What the label does not say, such as the branch that it was found by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, by a folder of its work tree."""

    top: str
    prefix: str

    def find(self, revision: str) -> Commit | None:
        """Return the commit that a revision names, if any.

        Raises `GenerationError` when the name is ambiguous.
        """
        # One that begins with a dash would be an option, and a range or a path is not a commit.
        if not revision or revision.startswith("-") or not revision.isprintable():
            return None
        name = re.split(r"[~^:]|@\{", revision, maxsplit=1)[0]
        refs = self._refs(name)
        # Git would go on to refs/tags/refs/heads/main, which is another ref.
        if name.startswith("refs/") and not refs:
            return None
        named = refs | self._abbreviated(name) if refs else {}
        if len(set(named.values())) > 1:
            raise git_error(
                f"{name!r} is the name of several commits here: {', '.join(named)}",
                "write the full name of one of them",
            )
        oid = self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return self._commit(oid, _short(revision)) if oid else None

    def branch_point(self) -> Commit:
        """Return the newest common commit of HEAD and the default branch; raises `GenerationError`."""
        head = self._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if head is None:
            raise git_error("the repository has no commits yet, so there is nothing to compare with")
        branch, tip = self._default_branch()
        oid = self._ask("merge-base", head, tip)
        if not oid:
            raise git_error(f"HEAD and {_short(branch)} have no common commit here", self.shallow_help())
        commit = self._commit(oid, oid[:12])
        return replace(commit, clarified=f"{oid[:12]} is where HEAD left {_short(branch)}")

    def shallow_help(self) -> str:
        """Return what to do about a missing commit; empty if the clone is complete."""
        if self._ask("rev-parse", "--is-shallow-repository") != "true":
            return ""
        return "the clone is shallow; fetch the branch with its history: git fetch --unshallow origin"

    def _default_branch(self) -> tuple[str, str]:
        head = self._ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        for branch in (*([head] if head else []), *_DEFAULTS):
            if tip := self._tip(branch):
                return branch, tip
        raise git_error(
            "there is no default branch here: no origin/HEAD, and no main or master",
            self.shallow_help() or "name the revision to compare with: gitops-doca diff REVISION",
        )

    def _refs(self, name: str) -> dict[str, str]:
        """Return the refs that a name may mean, with their objects (gitrevisions(7), <refname>)."""
        # HEAD always exists, and the full name of an object is unambiguous.
        if name in {"", "@", "HEAD"} or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name):
            return {}
        forms = ("{}",) if name.startswith("refs/") else _FORMS
        return {ref: tip for form in forms if (tip := self._tip(ref := form.format(name)))}

    def _abbreviated(self, name: str) -> dict[str, str]:
        """Return the objects whose names this name may abbreviate."""
        if not re.fullmatch(r"[0-9a-f]{7,63}", name):
            return {}
        answer = self._ask("rev-parse", f"--disambiguate={name}") or ""
        return {oid: oid for oid in answer.splitlines()}

    def _tip(self, ref: str) -> str | None:
        """Return the object of the ref with exactly this name, tag objects dereferenced."""
        shown = self._ask("show-ref", "--verify", "--hash", "--dereference", ref)
        return shown.splitlines()[-1].split()[0] if shown else None

    def _ask(self, *arguments: str) -> str | None:
        """Return git's answer; None when it exits with anything but 0."""
        answer = run(*arguments, top=self.top)
        return None if answer.returncode else os.fsdecode(answer.stdout).removesuffix("\n")

    def _commit(self, oid: str, label: str) -> Commit:
        return Commit(top=self.top, prefix=self.prefix, oid=oid, label=label)


def find_repository(folder: str) -> Repository | None:
    """Return the repository of a folder, which need not exist; None when there is none.

    Raises `GenerationError` when Git is missing or refuses the repository, when links lead from one
    repository into another, and when git would take a folder on the way for a repository.
    """
    existing = os.path.abspath(folder)  # noqa: PTH100 (no link may be resolved before the dots are)
    rest: list[str] = []
    while not os.path.isdir(existing):  # noqa: PTH112
        existing, name = os.path.split(existing)
        rest.insert(0, name)
    real = os.path.realpath(existing)
    top = find_top(real)
    named = find_top(existing)
    if leads_out(existing) or (named is not None and os.path.realpath(named) != top):
        raise git_error(
            f"{folder!r} leads out of its repository through a symbolic link",
            "name the folder that the link leads to",
        )
    if top is None:
        return None
    _refuse_embedded(top, real)
    _refuse_unusable(top, folder or "this folder")
    inside = os.path.relpath(real, top)
    return Repository(top=top, prefix="".join(f"{name}/" for name in [inside, *rest] if name != "."))


def leads_out(path: str) -> bool:
    """Say whether a link in an absolute path leads out of the repository that holds the link."""
    for link in filter(os.path.islink, (Path(path), *Path(path).parents)):
        top = find_top(os.path.realpath(link.parent))
        if top is not None and not is_below(str(link), top):
            return True
    return False


def _refuse_embedded(top: str, folder: str) -> None:
    """Raise `GenerationError` for a folder below the top that git would take for a repository."""
    for above in (Path(folder), *Path(folder).parents):
        if str(above) == top:
            return
        if _is_repository(above):
            shown = os.path.relpath(above, top)
            raise git_error(
                f"{shown!r} is laid out as a Git repository (HEAD, objects, refs) inside of another one; "
                "git commands in it would follow its config and its refs",
                "remove these files, or give them other names",
            )


def _is_repository(folder: Path) -> bool:
    """Tell whether git takes a folder for a repository; see gitrepository-layout(5)."""
    has = {name: os.path.lexists(folder / name) for name in ("HEAD", "commondir", "objects", "refs")}
    return has["HEAD"] and (has["commondir"] or (has["objects"] and has["refs"]))


def _refuse_unusable(top: str, folder: str) -> None:
    """Raise `GenerationError` if git refuses a repository, such as one of another owner.

    Git checks the owner only of a repository that it finds itself, as here.
    """
    answer = run_in(top, "rev-parse", "--git-dir")
    if not answer.returncode:
        return
    is_foreign = b"dubious ownership" in answer.stderr
    trust = f"if you trust its owner: git config --global --add safe.directory {shlex.quote(top)}"
    raise git_error(
        f"git cannot use the repository of {folder}: {reason(answer.stderr)}", trust if is_foreign else ""
    )


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
