"""`attest policy` as people run it: what is said where, exit codes, and drafts that verify."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from attest.cli.demo import REPOSITORY, TAG, make_repository
from attest.reference import Digest
from tests.cli.layouts import Layout
from tests.cli.running import attest, minimal

GOOD = f"""schema = "policy.v1"
[[trust.keys]]
key = "attest.pub"
[source]
repository = "{REPOSITORY}"
tags = ["{TAG}"]
"""


@pytest.fixture
def folder(ground: Path, tmp_path: Path) -> Path:
    """A folder with the key and the signed image."""
    shutil.copy(ground / "attest.pub", tmp_path)
    Layout.copy(ground / "signed", tmp_path / "signed")
    return tmp_path


def written(folder: Path, text: str, name: str = "policy.toml") -> str:
    (folder / name).write_text(text)
    return str(Digest.of(text.encode()))


def test_a_sound_policy_is_ok_and_its_digest_is_shown(folder: Path) -> None:
    key = Digest.of((folder / "attest.pub").read_bytes())
    digest = written(folder, GOOD.replace("attest.pub", f"attest.pub@{key}"))

    done = attest("policy", "check", "policy.toml", env=minimal(folder), cwd=folder)
    pinned = attest("policy", "check", f"policy.toml@{digest}", env=minimal(folder), cwd=folder)
    other = attest("policy", "check", f"policy.toml@sha256:{'0' * 64}", env=minimal(folder), cwd=folder)

    assert (done.code, done.out, done.err) == (0, f"policy.toml: ok ({digest})\n", "")
    assert (pinned.code, pinned.out) == (0, done.out)
    assert (other.code, other.out) == (2, "")
    assert other.err.splitlines()[1] == f"Expected sha256:{'0' * 64}, found {digest}."


def test_what_cannot_be_read_is_exit_2_with_every_line(folder: Path) -> None:
    written(folder, GOOD.replace("tags", "tag") + "[build]\nlevel = 4\n")

    done = attest("policy", "check", "policy.toml", env=minimal(folder), cwd=folder)

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "attest: policy.toml: not a usable policy: 2 errors\n"
        "policy.toml:6: source.tag: unknown key; did you mean tags?\n"
        "policy.toml:8: build.level: expected a number from 1 to 3, found 4\n"
        "docs/policy.md tells the language.\n"
    )


def test_a_contradiction_is_exit_2_and_a_warning_is_not(folder: Path) -> None:
    written(folder, GOOD + "[build]\nlevel = 2\n")
    written(folder, GOOD + '[sbom]\nformats = ["spdx"]\n', "warned.toml")

    done = attest("policy", "check", "warned.toml", "policy.toml", env=minimal(folder), cwd=folder)
    warned = attest("policy", "check", "warned.toml", env=minimal(folder), cwd=folder)

    warning = "attest: warning: warned.toml:8: sbom.formats: without sbom.required = true no SBOM is asked for\n"
    error = "attest: error: policy.toml:8: build.level: 2, and no root of trust is believed beyond 1\n"
    assert (done.code, done.err) == (2, warning + error)
    assert done.out.startswith("warned.toml: ok (")
    assert done.out.count("\n") == 1
    assert (warned.code, warned.err) == (0, warning)


def test_what_a_stranger_wrote_into_a_policy_moves_no_cursor(folder: Path) -> None:
    written(folder, 'schema = "policy.v1"\n"\\u001b[2Jk" = 1\n[parameters.allowed]\n"\\u001b[2J" = []\n')
    written(folder, 'schema = "policy.v1"\n[parameters.allowed]\n"\\u001b[2J" = []\n', "read.toml")

    for command in (("check", "policy.toml"), ("check", "read.toml"), ("explain", "read.toml")):
        done = attest("policy", *command, env=minimal(folder), cwd=folder)
        assert "[2J" in done.out + done.err
        assert "\x1b" not in done.out + done.err


def test_explain_says_on_standard_output_what_is_demanded(folder: Path) -> None:
    written(folder, GOOD)

    done = attest("policy", "explain", "policy.toml", env=minimal(folder), cwd=folder)
    wrong = attest("policy", "explain", "absent.toml", env=minimal(folder), cwd=folder)

    assert (done.code, done.err) == (0, "")
    assert f"  - The repository must be {REPOSITORY}.\n" in done.out
    assert f"  - It must be built from a tag, {TAG}.\n" in done.out
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("attest: absent.toml: cannot read the policy: No such file or directory\n")


def test_a_draft_of_a_signed_image_verifies_it_once_the_key_is_there(folder: Path, ground: Path) -> None:
    image = f"oci-layout:signed:{TAG}"
    done = attest("policy", "init", image, "-o", "draft.toml", env=minimal(folder), cwd=folder)
    assert (done.code, done.out, done.err) == (0, "", ""), done
    assert attest("policy", "check", "draft.toml", env=minimal(folder), cwd=folder).code == 0

    verified = attest("verify", image, "--policy", "draft.toml", env=minimal(folder), cwd=folder)
    Layout.copy(ground / "foreign", folder / "foreign")
    foreign = attest("verify", f"oci-layout:foreign:{TAG}", "--policy", "draft.toml", env=minimal(folder), cwd=folder)
    shutil.copy(ground / "other.pub", folder / "attest.pub")
    other = attest("verify", image, "--policy", "draft.toml", env=minimal(folder), cwd=folder)

    assert verified.code == 0, verified
    assert foreign.code != 0, foreign
    assert other.code == 1, other


def test_an_existing_file_is_not_overwritten(folder: Path) -> None:
    written(folder, "mine")

    done = attest("policy", "init", "oci-layout:signed", "-o", "policy.toml", env=minimal(folder), cwd=folder)

    assert (done.code, done.err.splitlines()[0]) == (3, "attest: policy.toml: exists already")
    assert (folder / "policy.toml").read_text() == "mine"


def test_a_draft_of_a_project_goes_to_standard_output(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    gitlab = minimal(
        folder,
        GITLAB_CI="true",
        CI_PROJECT_URL="https://gitlab.com/acme/app",
        CI_SERVER_URL="https://gitlab.com",
        CI_COMMIT_SHA="1" * 40,
        CI_COMMIT_TAG="v1",
    )

    of_job = attest("policy", "init", env=gitlab, cwd=folder / "elsewhere")
    nothing = attest("policy", "init", env=minimal(folder), cwd=folder / "elsewhere")

    assert of_job.code == 0, of_job
    assert "identity = '/https://gitlab\\.com/acme/app//\\.gitlab-ci\\.yml@refs/tags/.*/'" in of_job.out
    assert (nothing.code, nothing.err.splitlines()[0]) == (2, "attest: no IMAGE, and no project here")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing here")
def test_a_draft_of_a_checkout_names_its_remote(folder: Path) -> None:
    assert make_repository(folder / "hello") == ""

    done = attest("policy", "init", env=minimal(folder), cwd=folder / "hello")

    assert done.code == 0, done
    assert f'repository = "{REPOSITORY}"' in done.out


def test_an_image_that_cannot_be_reached_drafts_nothing(folder: Path) -> None:
    done = attest("policy", "init", "oci-layout:absent", "-o", "draft.toml", env=minimal(folder), cwd=folder)

    assert (done.code, done.out) == (3, ""), done
    assert not (folder / "draft.toml").exists()


def test_a_named_pipe_holds_nobody_up(folder: Path) -> None:
    subprocess.run(["mkfifo", folder / "pipe"], check=True)

    done = attest("policy", "check", "pipe", env=minimal(folder), cwd=folder)

    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "attest: pipe: cannot read the policy: not a regular file",
    )
