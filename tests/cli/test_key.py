"""`attest key generate`, with a terminal and without one, and keys that ask for their password."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.layouts import SOURCE, Layout
from tests.cli.running import Done, attest, minimal

PASSWORD = "correct horse"


def at_a_terminal(*arguments: str, typed: str, env: Mapping[str, str], cwd: Path) -> Done:
    """Run it where somebody sits, who types this when asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "attest", *arguments],
        env=env,
        cwd=cwd,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,  # it must not ask whoever runs the tests
    )
    os.close(theirs)
    try:
        seen = ""
        for line in typed.splitlines():
            seen += read_until(ours, ": ")
            os.write(ours, f"{line}\n".encode())
        out, _ = process.communicate(timeout=60)
        seen += read_until(ours, "")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Done(process.returncode, out, seen)


def read_until(terminal: int, ending: str) -> str:
    """What appears until this is its end, or until nobody writes any more."""
    seen = ""
    while not ending or not seen.endswith(ending):
        assert select.select([terminal], [], [], 60)[0], f"nothing was asked: {seen}"
        try:
            seen += os.read(terminal, 1024).decode()
        except OSError:  # the other side is closed
            break
    return seen


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_key_signs_what_its_public_half_verifies(ground: Path, tmp_path: Path) -> None:
    env = {**minimal(tmp_path), "ATTEST_PASSWORD": PASSWORD}
    layout = Layout.copy(ground / "unsigned", tmp_path / "image")

    made = attest("key", "generate", env=env, cwd=tmp_path)
    assert (made.code, made.out, made.err) == (0, "attest.key\nattest.pub\n", "")
    signed = attest("sign", f"oci-layout:image@{layout.image}", "--key", "attest.key", *SOURCE, env=env, cwd=tmp_path)
    assert signed.code == 0, signed
    locked = attest(
        "sign", f"oci-layout:image@{layout.image}", "--key", "attest.key", env=minimal(tmp_path), cwd=tmp_path
    )
    assert locked.code == 2
    assert locked.err.startswith("attest: attest.key: the key is encrypted\n")
    verified = attest("verify", "oci-layout:image", "--key", "attest.pub", *SOURCE, env=minimal(tmp_path), cwd=tmp_path)
    assert verified.code == 0, verified


def test_an_empty_password_is_possible_and_remarked_upon(tmp_path: Path) -> None:
    made = attest("key", "generate", env={**minimal(tmp_path), "COSIGN_PASSWORD": ""}, cwd=tmp_path)
    assert (made.code, made.out) == (0, "attest.key\nattest.pub\n")
    assert made.err == "attest: note: the password is empty: whoever reads attest.key can sign with it\n"


def test_nowhere_to_write_leaves_nothing(tmp_path: Path) -> None:
    env = {**minimal(tmp_path), "ATTEST_PASSWORD": PASSWORD}
    done = attest("key", "generate", "--output-key-prefix", "absent/new", env=env, cwd=tmp_path)
    assert (done.code, done.out, done.err) == (
        3,
        "",
        "attest: absent/new.key: cannot write: No such file or directory\n",
    )
    assert not names(tmp_path)


@pytest.mark.parametrize(("again", "code"), [(PASSWORD, 0), ("another", 2)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(again: str, code: int, tmp_path: Path) -> None:
    env = minimal(tmp_path)
    made = at_a_terminal("key", "generate", typed=f"{PASSWORD}\n{again}\n", env=env, cwd=tmp_path)

    assert made.code == code, made
    assert "New password for attest.key: " in made.err
    assert "Once more: " in made.err
    assert PASSWORD not in made.err
    assert names(tmp_path) == ({"attest.key", "attest.pub"} if code == 0 else set())


def test_at_a_terminal_an_encrypted_key_asks_for_its_password(ground: Path, tmp_path: Path) -> None:
    layout = Layout.copy(ground / "unsigned", tmp_path / "image")
    env = minimal(tmp_path)
    assert attest("key", "generate", env={**env, "ATTEST_PASSWORD": PASSWORD}, cwd=tmp_path).code == 0
    command = ("sign", f"oci-layout:image@{layout.image}", "--key", "attest.key", *SOURCE)

    wrong = at_a_terminal(*command, typed="wrong\n", env=env, cwd=tmp_path)
    assert (wrong.code, "the key does not open with this password" in wrong.err) == (2, True), wrong
    signed = at_a_terminal(*command, typed=f"{PASSWORD}\n", env=env, cwd=tmp_path)
    assert signed.code == 0, signed
    assert "Password for attest.key: " in signed.err
