"""attest as people run it: a process of its own, which sees nothing of this one's surroundings but what it is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SECONDS_TO_RUN: Final = 120
_SECONDS_TO_STOP: Final = 8  # a builder gets five of them


@dataclass(frozen=True, slots=True)
class Done:
    """How it ended and what it said."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.out + self.err, self.err

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def minimal(home: Path, **more: str) -> dict[str, str]:
    """The least that a program can expect."""
    return {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", **more}


def attest(*arguments: str | Path, env: Mapping[str, str], cwd: Path | None = None, out: Path | None = None) -> Done:
    """Run it to its end; standard output goes to `out` if that is given."""
    with (out or Path(os.devnull)).open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "attest", *arguments],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_SECONDS_TO_RUN,
        )
    return Done(done.returncode, done.stdout or "", done.stderr)


def interrupted(
    *arguments: str | Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    when: Callable[[subprocess.Popen[str]], str],
    only_attest: bool = False,
) -> Done:
    """Press Ctrl-C when `when` returns; it gives back what it has read of standard error meanwhile.

    A terminal sends the signal to the whole group; with `only_attest` somebody types `kill -INT`.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "attest", *arguments],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_as_in_the_foreground,
    )
    try:
        said = when(process)
        (os.kill if only_attest else os.killpg)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"still running {_SECONDS_TO_STOP} s after Ctrl-C") from None
    finally:
        outlived = _of_group(process.pid)
        _end_group(process)
    assert not outlived, f"{outlived} outlived it"
    return Done(process.returncode, out, said + err)


def _as_in_the_foreground() -> None:
    """A shell starts what it puts into the background, a CI's runner perhaps, so that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _of_group(group: int) -> list[str]:
    """The processes of a group that are left; nobody's where there is no /proc."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = place.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        state, _, its_group = rest.split()[:3]
        if its_group == str(group) and state != "Z":
            found.append(name)
    return found


def _end_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
