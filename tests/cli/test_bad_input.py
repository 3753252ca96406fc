"""What happens to people who give attest something that it cannot work with: bad_input.txt, line by line."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from string import Template
from typing import Final

import pytest

from attest.cli.demo import COMMIT, REPOSITORY
from tests.cli import places
from tests.cli.answers import Answers
from tests.cli.layouts import SOURCE, Layout
from tests.cli.running import Done, attest, interrupted, minimal

TABLE: Final = Path(__file__).with_name("bad_input.txt")
CASE: Final = re.compile(r"^(.+?)(?: \((.+)\))?\n\$ attest ?(.*)\n(\d+) (.+)$", re.MULTILINE)

# What attest says before anything can go wrong, and what a builder says.
PROGRESS: Final = ("attest: building with ", "attest: source: ", "attest: note: ", "#", "ERROR: ")
# The verdicts on images, with which standard output begins: several images have several.
VERDICTS: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("FAILED ", "UNKNOWN "),
    3: ("UNKNOWN ", "PASSED "),
    4: ("UNKNOWN ",),
}
BUILDER: Final = """#!/bin/sh
echo "#1 building"
case " $* " in *" --target=says-nothing "*) exit 0 ;; esac
echo 'ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1'
exit 17
"""


@dataclass(frozen=True, slots=True)
class Case:
    """What is typed, the exit code and what is said first; `where` is in words what is special about the place."""

    name: str
    where: str
    typed: str
    code: int
    said: str


CASES: Final = [
    Case(name, where, typed, int(code), said) for name, where, typed, code, said in CASE.findall(TABLE.read_text())
]
# Only root may mount.
PLACES: Final = {"read-only": places.read_only, "full": places.full}
PARAMETERS: Final = [
    pytest.param(case, id=case.name, marks=[pytest.mark.e2e] if case.where in PLACES else []) for case in CASES
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All programs that there are: a buildx that fails."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "buildx").write_text(BUILDER)
    (folder / "buildx").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def down() -> Iterator[str]:
    """HOST:PORT that nobody listens on, and nobody else can take."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(scope="module")
def variables(ground: Path, answers: Answers, down: str) -> Mapping[str, str]:
    """What the table abbreviates."""
    return {
        "HOST": answers.host,
        "DOWN": down,
        "SOURCE": shlex.join(SOURCE),
        "ASKED": shlex.join(["--key", "attest.pub", *SOURCE]),
        "BUILT": "--program buildx -t oci-layout:built:1",
        "DIGEST": Layout(ground / "signed").image,
        "BARE": Layout(ground / "bare").image,
        "NO_DIGEST": f"sha256:{'0' * 64}",
        "COMMIT": COMMIT,
        "NO_COMMIT": "0" * 40,
        "REPOSITORY": REPOSITORY,
    }


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Every file, byte by byte, and every directory."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def first_line(said: str) -> str:
    """The first that is no progress (and not empty, as after ^C), with digests and hints left out."""
    lines = dropwhile(lambda line: not line or line.startswith(PROGRESS), said.splitlines())
    shortened = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", next(lines, ""))
    return re.sub(r"(?<=its hint is )[A-Za-z0-9+/=]+", "…", shortened)


def run(case: Case, words: list[str], env: Mapping[str, str], ground: Path, answers: Answers) -> Done:
    def waiting(_: object) -> str:
        assert answers.asked.wait(20), "nobody asked"
        time.sleep(0.1)  # the other questions of the same round
        return ""

    if case.where == "Ctrl-C":
        answers.asked.clear()
        return interrupted(*words, env=env, cwd=ground, when=waiting)
    out = Path(case.where.removeprefix("writing to ")) if case.where.startswith("writing to ") else None
    if out is not None and not out.exists():
        pytest.skip(f"{out} is missing here")
    return attest(*words, env=env, cwd=ground, out=out)


@pytest.mark.parametrize("case", PARAMETERS)
def test_it_says_what_is_wrong_and_leaves_everything_as_it_was(
    case: Case, ground: Path, programs: Path, variables: Mapping[str, str], answers: Answers, tmp_path: Path
) -> None:
    words = shlex.split(Template(case.typed).substitute(variables))
    path = "/nonexistent" if case.where == "without programs" else str(programs)
    env = {**minimal(ground), "PATH": path, "TMPDIR": str(tmp_path)}

    with PLACES[case.where](ground) if case.where in PLACES else nullcontext():
        before = contents(ground)
        done = run(case, words, env, ground, answers)
        after = contents(ground)

    assert (done.code, first_line(done.err)) == (case.code, Template(case.said).substitute(variables)), done
    assert after == before
    assert not list(tmp_path.iterdir()), "something temporary was left"
    shows_verdicts = words[:1] == ["verify"] and case.code in VERDICTS and not case.where.startswith("writing")
    # Of several images the first line counts the verdicts.
    assert done.out.startswith((*VERDICTS[case.code], "2 images: ")) if shows_verdicts else done.out == ""


def test_the_table_is_read_to_its_end() -> None:
    text = TABLE.read_text()

    assert len(CASES) == text.count("$ attest")
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.code for case in CASES} == {1, 2, 3, 4, 5, 130}
    assert {int(code) for code in re.findall(r"^=== .*: (\d+)$", text, re.MULTILINE)} == {1, 2, 3, 4, 5, 130}


@pytest.mark.e2e
def test_wherever_the_disk_is_full_the_layout_stays_as_it_was(ground: Path) -> None:
    image = f"oci-layout:here/layout@{Layout(ground / 'unsigned').image}"
    changed: dict[int, set[str]] = {}
    code = 3
    with places.small_disk(ground) as disk:
        before = contents(disk / "layout")
        for room in places.rooms():
            places.leave(disk, room)
            done = attest("sign", image, "--key", "attest.key", *SOURCE, env=minimal(ground), cwd=ground)
            code = done.code
            if code == 0:
                break
            assert code == 3, done
            after = contents(disk / "layout")
            changed[room] = {path.name[:12] for path, content in after.items() if before.get(path, b"") != content}
            restore(before, after)

    assert code == 0
    assert len(changed) > 5
    assert not [room for room, names in changed.items() if "index.json" in names], "it reads otherwise"
    assert not {room: names for room, names in changed.items() if names}, "something was left"


def restore(before: Mapping[Path, bytes | None], after: Mapping[Path, bytes | None]) -> None:
    """So that each room is tried from the same beginning."""
    for path in after.keys() - before.keys():
        path.unlink()
    for path, content in before.items():
        if content is not None and after[path] != content:
            path.write_bytes(content)


def test_a_closed_standard_output_is_no_stack_trace(ground: Path) -> None:
    command = [sys.executable, "-m", "attest", "inspect", "oci-layout:signed"]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command]

    done = subprocess.run(closed, env=minimal(ground), cwd=ground, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (3, "attest: standard output: cannot write: it is closed\n")
