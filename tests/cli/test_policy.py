"""`attest policy` as people run it: what is said where, exit codes, and drafts that verify."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from string import Template
from typing import Final

import pytest

from attest.cli.demo import REPOSITORY, TAG, make_repository
from attest.reference import Digest
from tests.cli.layouts import Layout
from tests.cli.running import Done, attest, minimal

ROOT: Final = Path(__file__).parents[2]

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


def test_no_digest_is_shown_of_a_policy_that_cannot_be_pinned_as_it_is(folder: Path) -> None:
    written(folder, GOOD)
    key = Digest.of((folder / "attest.pub").read_bytes())

    done = attest("policy", "check", "policy.toml", env=minimal(folder), cwd=folder)

    to_write = f'a pinned policy pins attest.pub too; write "attest.pub@{key}"'
    assert (done.code, done.out) == (0, "policy.toml: ok\n")
    assert done.err == f"attest: warning: cannot be pinned as it is: policy.toml:3: trust.keys[0].key: {to_write}\n"


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
    good = GOOD.replace("attest.pub", f"attest.pub@{Digest.of((folder / 'attest.pub').read_bytes())}")
    written(folder, good + "[build]\nlevel = 2\n")
    written(folder, good + "certificate_alone = true\n", "warned.toml")

    done = attest("policy", "check", "warned.toml", "policy.toml", env=minimal(folder), cwd=folder)
    warned = attest("policy", "check", "warned.toml", env=minimal(folder), cwd=folder)

    said = "source.certificate_alone: without trust.identities there is no certificate"
    warning = f"attest: warning: warned.toml:7: {said}\n"
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


def test_a_draft_of_a_signed_image_verifies_it_and_no_other(folder: Path, ground: Path) -> None:
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
    assert (other.code, other.out) == (2, ""), other
    assert "attest.pub: not the key that was pinned" in other.err


@pytest.mark.parametrize("place", ["", "policies/"])
def test_a_draft_names_the_key_beside_itself_wherever_that_is(folder: Path, place: str) -> None:
    (folder / "policies").mkdir()
    (folder / "attest.pub").rename(folder / place / "release.pub")
    key = Digest.of((folder / place / "release.pub").read_bytes())

    done = attest("policy", "init", "oci-layout:signed", "-o", f"{place}p.toml", env=minimal(folder), cwd=folder)

    assert done.code == 0, done
    assert f'key = "release.pub@{key}"\n' in (folder / place / "p.toml").read_text()


# --- The gate of the examples -----------------------------------------------------------------------------------------


def of_the_gate() -> tuple[list[str], str]:
    """What examples/gitlab-gate.yml tells people to type, and what its job types."""
    pipeline = (ROOT / "examples" / "gitlab-gate.yml").read_text()
    typed = re.findall(r"^#   (attest policy .*?)(?:  .*)?$", pipeline, re.MULTILINE)
    (verify,) = re.findall(r"^    - (attest verify .*)$", pipeline, re.MULTILINE)
    return typed, verify


def typing(folder: Path, line: str, **variables: str) -> Done:
    """A line as a shell would take it, in a job with these variables."""
    _, *arguments = shlex.split(Template(line).substitute(variables))
    return attest(*arguments, env=minimal(folder), cwd=folder)


def test_the_gate_of_the_examples_works_as_it_is_written(folder: Path) -> None:
    image = f"oci-layout:signed:{TAG}"
    (init, check, explain), verify = of_the_gate()

    assert typing(folder, init, IMAGE=image).code == 0
    checked = typing(folder, check)
    assert (checked.code, checked.err) == (0, "")
    (digest,) = re.findall(r"\((sha256:[0-9a-f]{64})\)", checked.out)
    assert typing(folder, explain).code == 0
    done = typing(folder, verify, IMAGE=image, POLICY_DIGEST=digest)
    unset = typing(folder, verify, IMAGE=image, POLICY_DIGEST="")

    assert done.code == 0, done
    assert "</testsuite>" in (folder / "attest.xml").read_text()
    assert json.loads((folder / "attest.json").read_text())["policy"]["digest"] == digest
    assert (unset.code, unset.err.splitlines()[:2]) == (
        2,
        ["attest: policy.toml@: nothing behind the @", "Is a variable not set?"],
    )


def test_where_the_key_comes_later_the_gate_s_commands_say_what_to_write(folder: Path) -> None:
    image = f"oci-layout:signed:{TAG}"
    (init, check, _), verify = of_the_gate()
    (folder / "attest.pub").rename(folder / "away")
    assert typing(folder, init, IMAGE=image).code == 0
    absent = typing(folder, check)
    (folder / "away").rename(folder / "attest.pub")
    told = typing(folder, check)

    assert (absent.out, told.out) == ("policy.toml: ok\n", "policy.toml: ok\n")
    (to_write,) = re.findall(r'write ("attest\.pub@sha256:[0-9a-f]{64}")$', told.err, re.MULTILINE)
    written(folder, (folder / "policy.toml").read_text().replace('"attest.pub"', to_write))
    (digest,) = re.findall(r"sha256:[0-9a-f]{64}", typing(folder, check).out)
    assert typing(folder, verify, IMAGE=image, POLICY_DIGEST=digest).code == 0


def test_the_policy_for_the_example_pipeline_passes_what_attest_signs_with_a_key(folder: Path) -> None:
    example = (ROOT / "examples" / "policies" / "gitlab-key.toml").read_text()
    mine = example.replace("registry.gitlab.com/acme/app", "oci-layout:signed")
    written(folder, mine.replace("https://gitlab.com/acme/app", REPOSITORY))

    done = attest("verify", f"oci-layout:signed:{TAG}", "--policy", "policy.toml", env=minimal(folder), cwd=folder)
    written(folder, mine)
    elsewhere = attest("verify", f"oci-layout:signed:{TAG}", "--policy", "policy.toml", env=minimal(folder), cwd=folder)

    assert (done.code, elsewhere.code) == (0, 1), done


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
        CI_REGISTRY_IMAGE="registry.gitlab.com/acme/app",
        CI_COMMIT_SHA="1" * 40,
    )

    of_job = attest("policy", "init", env={**gitlab, "CI_COMMIT_TAG": "v1"}, cwd=folder / "elsewhere")
    on_branch = attest("policy", "init", env={**gitlab, "CI_COMMIT_BRANCH": "main"}, cwd=folder / "elsewhere")
    nothing = attest("policy", "init", env=minimal(folder), cwd=folder / "elsewhere")

    assert of_job.code == 0, of_job
    assert "identity = '/https://gitlab\\.com/acme/app//\\.gitlab-ci\\.yml@refs/tags/.*/'" in of_job.out
    assert 'images = ["registry.gitlab.com/acme/app"]\n' in of_job.out
    assert '\nimage_tag = "{source_tag}"\n' in of_job.out
    assert '\nbranches = ["main"]' in on_branch.out
    assert "\ntags = " not in on_branch.out
    assert "\nimage_tag = " not in on_branch.out
    assert (nothing.code, nothing.err.splitlines()[0]) == (2, "attest: no IMAGE, and no project here")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing here")
def test_a_draft_of_a_checkout_names_its_remote(folder: Path) -> None:
    assert make_repository(folder / "hello") == ""

    done = attest("policy", "init", env=minimal(folder), cwd=folder / "hello")

    assert done.code == 0, done
    assert f'repository = "{REPOSITORY}"' in done.out
    assert "\nbranches = " not in done.out, "what is checked out just now says nothing of what will be released"


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
