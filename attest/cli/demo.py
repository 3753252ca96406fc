"""`attest demo`: the whole way on an OCI layout, which needs no server, and then three attempts to cheat.

It runs the commands that it shows. Where no BuildKit answers, a recorded BuildKit output of the same source takes the
build's place (attest/demo/, made by tests/assets/record_demo.py), and it says which of the two it did.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Final

import click

from attest.cli.options import reach
from attest.errors import NoBuilder, NotWritable
from attest.oci.image import load_image
from attest.reference import parse_reference

RECORDING: Final = Path(__file__).parents[1] / "demo"
REPOSITORY: Final = "https://git.example.com/acme/hello"
TAG: Final = "v1.0.0"
# Fixed names and dates give the same commit everywhere, so the recording and a build of today are of the same source.
COMMIT: Final = "4c95152763a1bae45f6fa81fa67ee85a9fdb7499"
LAYOUT: Final = "images"
IMAGE: Final = f"oci-layout:{LAYOUT}:{TAG}"
OTHER_COMMIT: Final = "0" * 39 + "1"
_IDENTITY: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Acme"), ("EMAIL", "acme@example.com"), ("DATE", "2026-01-01T00:00:00Z"))
}
_FILES: Final = {"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"}


_SOURCE: Final = ("--source-repository", REPOSITORY, "--source-commit", COMMIT, "--source-tag", TAG)


@click.command("demo", short_help="See the whole way on this machine, without any server.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Work here and leave everything there to look at; otherwise a temporary directory is used and removed.",
)
def command(directory: Path | None) -> int:
    """Build an image, sign it, verify it; then see another commit, a changed byte and another key refused."""
    if directory is not None and directory.exists():
        raise NotWritable(f"{directory}: exists already", "", "Choose a directory that does not.")
    with _writing(), ExitStack() as stack:
        folder = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attest-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(chdir(folder))
        for name in ("attest", "other"):
            _write_key_pair(Path(f"{name}.key"), Path(f"{name}.pub"))
        undo = stack.pop_all()
    with undo:
        return _demonstrate()


@contextmanager
def _writing() -> Iterator[None]:
    """Around what writes files, and nothing else: standard output has errors of its own."""
    try:
        yield
    except OSError as error:
        raise NotWritable(f"{error.filename or 'a file'}: cannot write: {error.strerror}") from None


def _demonstrate() -> int:
    if not _build():
        return 1
    outcomes = [
        _act("The image is what it should be:", 0, _verify(IMAGE)),
        _act("Another commit is refused:", 1, _verify(IMAGE, commit=OTHER_COMMIT)),
        _act("A changed byte is refused:", 1, _verify(_tampered())),
        _act("Another key is refused:", 1, _verify(IMAGE, key="other.pub")),
    ]
    click.echo()
    if all(outcomes):
        click.secho("The demonstration went as it should: one pass, three refusals.", bold=True)
        return 0
    click.secho("The demonstration did not go as it should.", fg="red", bold=True)
    return 1


def _verify(image: str, commit: str = COMMIT, key: str = "attest.pub") -> list[str]:
    expected = ["--source-repository", REPOSITORY, "--source-commit", commit, "--source-tag", TAG]
    return ["verify", image, "--key", key, *expected]


def _act(title: str, expected: int, arguments: Sequence[str]) -> bool:
    """Show a command, run it, and say whether it ended as it should."""
    from attest.cli.main import INTERRUPTED, main

    click.echo()
    click.secho(title, bold=True)
    click.echo(f"$ attest {shlex.join(arguments)}")
    code = main(arguments)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if sys.stdout is None:
        raise click.exceptions.Exit(code)  # it has been said that nothing can be shown
    click.echo(f"exit code {code}" + ("" if code == expected else f", expected {expected}"))
    return code == expected


def _build() -> bool:
    """Whether it went well: by a BuildKit if one answers, else from the recording; it is said which."""
    with _writing():
        why_not = make_repository(Path("hello"))
    why_not = why_not or _why_no_buildkit()
    if not why_not:
        click.secho("Built now by the BuildKit of this machine.", bold=True)
        build = ["build", "-t", IMAGE, "--key", "attest.key", *_SOURCE, "--progress", "plain", "hello"]
        if _act("Build, sign and read back:", 0, build):
            return True
        why_not = "the BuildKit of this machine answered, but the build failed"
    click.secho("A recorded BuildKit output is used, which ships with attest.", bold=True)
    click.echo(f"No build of today: {why_not}.")
    with _writing():
        shutil.copytree(RECORDING, LAYOUT, dirs_exist_ok=True)
    root = reach(parse_reference(IMAGE), (), None).resolve().digest
    return _act("Sign it and read back:", 0, ["sign", f"oci-layout:{LAYOUT}@{root}", "--key", "attest.key", *_SOURCE])


def _why_no_buildkit() -> str:
    from attest.build.probe import why_not_reachable
    from attest.build.run import find_builder

    try:
        return why_not_reachable(find_builder(os.environ), os.environ)
    except NoBuilder as error:
        return error.summary


def make_repository(folder: Path) -> str:
    """A git repository with one commit and the annotated tag; what stands in the way, or nothing."""
    folder.mkdir()
    for name, content in _FILES.items():
        (folder / name).write_text(content)
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", f"{REPOSITORY}.git"],
        ["add", "."],
        ["commit", "--quiet", "--no-gpg-sign", "--message=Say hello"],
        ["tag", "--annotate", "--no-sign", "--message=The first", TAG],
    ):
        try:
            environment = {**_without_git(os.environ), **_IDENTITY}
            done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=False)
        except OSError:
            return "git is not installed"
        if done.returncode != 0:
            return f"git {arguments[0]} failed here"
    return ""


def _without_git(environ: Mapping[str, str]) -> dict[str, str]:
    """Nobody's settings: hooks, signing and line endings would give another commit."""
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def _tampered() -> str:
    """A copy of the layout in which one byte of the embedded provenance is another one."""
    image = load_image(reach(parse_reference(IMAGE), (), None))
    statement = image.attestation_manifests[0].manifest.layers[-1].digest
    blob = Path("tampered", "blobs", statement.algorithm, statement.hex)
    with _writing():
        shutil.copytree(LAYOUT, "tampered")
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 1
        blob.unlink()  # blobs may be read-only
        blob.write_bytes(content)
    return f"oci-layout:tampered:{TAG}"


def _write_key_pair(private: Path, public: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
