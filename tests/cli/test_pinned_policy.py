"""Gates pin their policy: whoever can change what lies beside it changes nothing that a gate says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import REPOSITORY, TAG
from attest.reference import Digest
from tests.cli.layouts import SOURCE, Layout
from tests.cli.running import Done, attest, minimal

GOOD: Final = f"""schema = "policy.v1"
[[trust.keys]]
key = "attest.pub"
[source]
repository = "{REPOSITORY}"
tags = ["/v[0-9.]+/"]
commit_required = true
"""


@pytest.fixture
def folder(ground: Path, tmp_path: Path) -> Path:
    """A folder with two pairs of keys and the signed image."""
    for name in ("attest.pub", "other.pub", "other.key"):
        shutil.copy(ground / name, tmp_path)
    Layout.copy(ground / "signed", tmp_path / "signed")
    return tmp_path


def verify(folder: Path, *arguments: str, image: str = f"oci-layout:signed:{TAG}", **env: str) -> Done:
    return attest("verify", image, *arguments, env=minimal(folder, **env), cwd=folder)


def pinning(folder: Path, text: str) -> str:
    (folder / "policy.toml").write_text(text)
    return f"policy.toml@{Digest.of(text.encode())}"


def file_digest(path: Path) -> Digest:
    return Digest.of(path.read_bytes())


def test_a_pinned_policy_is_that_one_or_none(folder: Path) -> None:
    text = GOOD.replace("attest.pub", f"attest.pub@{file_digest(folder / 'attest.pub')}")
    pinned = pinning(folder, text)
    assert verify(folder, "--policy", pinned).code == 0

    (folder / "policy.toml").write_text(text.replace("/v[0-9.]+/", "/.*/"))
    done = verify(folder, "--policy", pinned)

    assert (done.code, done.out) == (2, "")


def test_a_pinned_policy_is_not_undone_by_another_key_beside_it(folder: Path, ground: Path) -> None:
    """Whoever can push to the branch signs with a key of his own, and puts its public half where the policy looks."""
    made = Layout.copy(ground / "unsigned", folder / "evil")
    evil, image = f"oci-layout:evil:{TAG}", f"oci-layout:signed:{TAG}"
    signing = ("sign", f"oci-layout:evil@{made.image}", "--key", "other.key", *SOURCE)
    assert attest(*signing, env=minimal(folder), cwd=folder).code == 0
    text = GOOD.replace("attest.pub", f"attest.pub@{file_digest(folder / 'attest.pub')}")
    pinned = pinning(folder, text)
    assert verify(folder, "--policy", pinned, image=image).code == 0
    assert verify(folder, "--policy", pinned, image=evil).code == 1

    shutil.copy(folder / "other.pub", folder / "attest.pub")

    (folder / "open.toml").write_text(GOOD)
    assert verify(folder, "--policy", "open.toml", image=evil).code == 0, "the attack works where nothing is pinned"
    for one in (evil, image):
        done = verify(folder, "--policy", pinned, image=one)
        assert (done.code, done.out) == (2, ""), done
        assert "attest.pub: not the key that was pinned" in done.err
        assert f"found {file_digest(folder / 'other.pub')}" in done.err


def test_a_pinned_policy_that_pins_no_key_is_no_answer(folder: Path) -> None:
    pinned = pinning(folder, GOOD)

    verified = verify(folder, "--policy", pinned)
    checked = attest("policy", "check", pinned, env=minimal(folder), cwd=folder)
    in_variable = verify(folder, "--policy", pinning(folder, GOOD.replace("attest.pub", "env://KEY")), KEY="x")

    assert [done.code for done in (verified, checked, in_variable)] == [2, 2, 2]
    for done in (verified, checked):
        assert done.out == ""
        assert f'pins attest.pub too; write "attest.pub@{file_digest(folder / "attest.pub")}"' in done.err
    assert "whoever sets the variable KEY chooses the key" in in_variable.err


def test_a_policy_that_holds_the_key_itself_needs_no_file(folder: Path) -> None:
    inline = GOOD.replace('"attest.pub"', f'"""{(folder / "attest.pub").read_text()}"""')
    (folder / "attest.pub").unlink()

    done = verify(folder, "--policy", pinning(folder, inline))

    assert done.code == 0, done
    assert "policy.toml:2" in done.out


def test_a_pinned_trusted_root_is_that_one_or_none(folder: Path) -> None:
    identity = '[[trust.identities]]\nidentity = "https://gitlab.test/a"\nissuer = "https://gitlab.test"\n'
    (folder / "root.json").write_text("{}")
    root = f'[trust]\ntrusted_root = "root.json@{file_digest(folder / "root.json")}"\n'
    (folder / "policy.toml").write_text(GOOD.replace("[[trust.keys]]", root + "[[trust.keys]]") + identity)
    honest = verify(folder, "--policy", "policy.toml")
    assert "root.json: not a trusted root" in honest.err, "it is looked at"

    (folder / "root.json").write_text("{ }")
    done = verify(folder, "--policy", "policy.toml")

    assert (done.code, done.out) == (2, "")
    assert "root.json: not the trusted root that was pinned" in done.err
