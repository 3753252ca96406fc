"""What the git checkout says, through the git command: asked where no CI variable answers, and for tag objects.

The repository's own configuration may have been written by somebody else, so git is run without hooks, file monitors
and replacement objects; its protection against foreign repositories stays on, but for the checkout that the CI platform
names as the job's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attest.ci.interface import Environment, JobSource, Stated, full_commit
from attest.errors import AttestError
from attest.evidence.provenance import HEADS, TAGS
from attest.evidence.repository import canonical_repository, without_credentials

_SECONDS: Final = 60.0  # `git status` of the largest trees on a cold disk; everything else answers at once
_TAG_LIMIT: Final = 1024 * 1024  # bytes; a tag object is a message and perhaps a signature
_HARDENED: Final = (
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "safe.bareRepository=explicit",
)
# Set for the processes of a hook, and they name another repository than the one asked about.
_KEPT: Final = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")
# The checkouts that a CI platform makes for the job, often by another user than the job's.
_CHECKOUTS: Final = (("GITLAB_CI", "CI_PROJECT_DIR"), ("GITHUB_ACTIONS", "GITHUB_WORKSPACE"))
_OBJECT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git names the top of the repository, which `directory` may be below of.
_ADVICE: Final = re.compile(r"--add safe\.directory (.+)")


class GitRefused(AttestError):
    """git is there and a repository too, but git would not read it, or took too long."""

    reason = "git"


def job_source(environ: Environment, directory: Path | None) -> JobSource | None:
    """What the checkout says; None without git, a directory or a repository. Raises GitRefused."""
    if directory is None or _git(environ, directory, "rev-parse", "--git-dir") is None:
        return None
    place = _said(directory)
    commit = full_commit(_line(_git(environ, directory, "rev-parse", "--verify", "--quiet", "HEAD")))
    tags = _tags_at_head(environ, directory) if commit else ()
    branch = _line(_git(environ, directory, "symbolic-ref", "--quiet", "HEAD"))
    tag = Stated(tags[0], f"git tag at HEAD in {place}") if len(tags) == 1 else None
    # A build is made from one ref: where a tag points at HEAD, the branch that leads there as well is not claimed.
    if tag is not None:
        ref: Stated | None = Stated(TAGS + tag.value, tag.origin)
    else:
        ref = Stated(branch, f"git branch in {place}") if branch.startswith(HEADS) else None
    return JobSource(
        platform="git",
        repository=_origin(environ, directory, place),
        commit=Stated(commit, f"git HEAD in {place}{_several(tags)}") if commit else None,
        ref=ref,
        tag=tag,
    )


def raw_tag_object(directory: Path, object_id: str, environ: Environment) -> bytes | None:
    """The body of an annotated tag's object, as `git cat-file tag` gives it; None where there is no such tag object.

    Whether it hashes to `object_id` is for evidence.tag_object.peel to say. Raises GitRefused.
    """
    if not _OBJECT.fullmatch(object_id):
        return None
    body = _git(environ, directory, "cat-file", "tag", object_id)
    return body if body and len(body) <= _TAG_LIMIT else None


def fetched_tag_object(repository: str, object_id: str, environ: Environment) -> bytes | None:
    """The same, asked of a repository; None where it does not have the object, or cannot be asked.

    Nothing of what it sends is kept, and only https, ssh and http are spoken: the hash proves the object whoever sent
    it. Raises GitRefused.
    """
    if not _OBJECT.fullmatch(object_id) or not repository.startswith(_FETCHABLE):
        return None
    kind = ["--object-format=sha256"] if len(object_id) == _SHA256 else []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        if _git(environ, directory, "init", "--quiet", *kind) is None:
            return None
        asked = ("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "--", repository, object_id)
        if _git(environ, directory, *asked) is None:
            return None
        return raw_tag_object(directory, object_id, environ)


_PROTOCOLS: Final = "https:http:ssh"
_FETCHABLE: Final = ("https://", "ssh://", "http://")
_SHA256: Final = 64


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """Files that are not as in the commit, relative to the checkout's top: changed or untracked, and ignored ones."""

    changed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def working_tree(directory: Path, environ: Environment) -> WorkingTree:
    """What git says of the checkout. Empty where there is no git or no repository. Raises GitRefused."""
    shown = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--ignored=traditional")
    answer = _git(environ, directory, "status", *shown)
    if answer is None and _git(environ, directory, "rev-parse", "--git-dir") is not None:
        raise GitRefused(f"git in {_said(directory)}: cannot say whether the working tree is as committed")
    entries = [os.fsdecode(entry) for entry in (answer or b"").split(b"\0") if entry]
    ignored = tuple(entry[3:] for entry in entries if entry.startswith("!!"))
    return WorkingTree(tuple(entry[3:] for entry in entries if not entry.startswith("!!")), ignored)


def _origin(environ: Environment, directory: Path, place: str) -> Stated | None:
    address = without_credentials(_line(_git(environ, directory, "remote", "get-url", "origin")))
    # A path on this machine names no repository that anybody else could look at.
    return Stated(address, f"git remote origin in {place}") if canonical_repository(address) else None


def _tags_at_head(environ: Environment, directory: Path) -> tuple[str, ...]:
    asked = ("for-each-ref", "--points-at=HEAD", "--format=%(refname)", TAGS)
    return tuple(line.removeprefix(TAGS) for line in _lines(_git(environ, directory, *asked)))


def _several(tags: tuple[str, ...]) -> str:
    return f"; {len(tags)} tags point at it, so none is claimed: {', '.join(tags[:5])}" if len(tags) > 1 else ""


def _said(directory: Path) -> str:
    text = str(directory)
    return text if directory.is_absolute() or text.startswith(".") else f"./{text}"


def _git(environ: Environment, directory: Path, *arguments: str) -> bytes | None:
    """What git answers; None where it says no, or there is no git or no repository. Raises GitRefused."""
    trusted = [word for path in _own_checkouts(environ) for word in ("-c", f"safe.directory={path}")]
    try:
        answer = subprocess.run(
            ["git", "-C", str(directory), *_HARDENED, *trusted, *arguments],
            env=_environment(environ, fetches=arguments[0] == "fetch"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise GitRefused(f"git in {_said(directory)}: no answer to {arguments[0]} within {_SECONDS:.0f} s") from None
    except OSError:
        return None
    if answer.returncode == 0:
        return answer.stdout
    message = answer.stderr.decode("utf-8", "replace")
    if "dubious ownership" in message or "unsafe repository" in message:
        raise _refused(directory, message)
    return None


def _refused(directory: Path, message: str) -> GitRefused:
    advice = _ADVICE.search(message)
    return GitRefused(
        f"git will not read the repository in {_said(directory)}",
        "It belongs to another user than the one running this, and its configuration could run programs.",
        f"If you trust it: git config --global --add safe.directory {advice[1] if advice else directory.resolve()}",
    )


def _own_checkouts(environ: Environment) -> tuple[str, ...]:
    named = (environ.get(path, "") for platform, path in _CHECKOUTS if environ.get(platform))
    return tuple(path for path in named if path.startswith("/"))


def _environment(environ: Environment, *, fetches: bool) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        # A checkout of somebody else's may name a remote to fetch missing objects from, and a program to do so.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS if fetches else "none",
    }


def _lines(answer: bytes | None) -> tuple[str, ...]:
    return tuple(line for line in (answer or b"").decode("utf-8", "replace").splitlines() if line)


def _line(answer: bytes | None) -> str:
    return next(iter(_lines(answer)), "")
