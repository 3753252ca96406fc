"""The demo, with a BuildKit and without one, with a network and without any: it says which it was, and always shows
one pass and three refusals.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import COMMIT, OTHER_COMMIT
from tests.cli.running import Done, attest, interrupted, minimal
from tests.e2e import stand

BUILT: Final = "Built now by the BuildKit of this machine."
RECORDED: Final = "A recorded BuildKit output is used, which ships with attest."

# Titles, with the verdict and the exit code that stand below each.
ACTS: Final = {
    "The image is what it should be:": ("PASSED", 0),
    "Another commit is refused:": ("FAILED", 1),
    "A changed byte is refused:": ("FAILED", 1),
    "Another key is refused:": ("FAILED", 1),
}
REFUSALS: Final = (
    f"built from commit {COMMIT}, expected {OTHER_COMMIT}",
    "the content was changed",
    "signed with another key",
)


def without_buildkit(home: Path) -> dict[str, str]:
    """git and nothing that builds."""
    programs = home / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(stand.program("git", "git"))
    return {**minimal(home), "PATH": str(programs)}


def without_network() -> tuple[str, ...]:
    """A command that runs another one where there is no network, not even loopback."""
    alone = (str(stand.program("unshare", "util-linux")), "--net", "--")
    tried = subprocess.run([*alone, "true"], env={"PATH": os.defpath}, capture_output=True, text=True)
    if tried.returncode != 0:
        stand.missing(f"no network namespace can be made ({tried.stderr.strip()})", "run the tests as root")
    return alone


def without_privileges() -> tuple[str, ...]:
    """A command that runs another one so that permissions count for root as well."""
    if os.geteuid() != 0:
        return ()
    return str(stand.program("setpriv", "util-linux")), "--bounding-set=-dac_override,-dac_read_search,-fowner", "--"


def run(*before: str, env: Mapping[str, str], folder: Path) -> Done:
    """The demo in an empty directory; neither it nor the one for temporary files may hold anything afterwards."""
    here, temporary = folder / "here", folder / "temporary"
    here.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [*before, sys.executable, "-m", "attest", "demo"],
        env={**env, "TMPDIR": str(temporary)},
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not [*here.iterdir(), *temporary.iterdir()]
    return Done(done.returncode, done.stdout, done.stderr)


def check(done: Done, announced: str) -> None:
    lines = done.out.splitlines()
    assert done.code == 0, done
    assert [line for line in lines if line in (BUILT, RECORDED)] == [announced]
    assert lines[-1] == "The demonstration went as it should: one pass, three refusals."
    for title, (verdict, code) in ACTS.items():
        command, heading, *rest = lines[lines.index(title) + 1 :]
        assert command.startswith("$ attest verify oci-layout:")
        assert heading.startswith(f"{verdict}  oci-layout:")
        assert next(line for line in rest if line.startswith("exit code ")) == f"exit code {code}"
    for refusal in REFUSALS:
        assert refusal in done.err


@pytest.mark.parametrize("network", [True, False], ids=["network", "no-network"])
def test_the_demo_builds_where_a_buildkit_answers(buildx_builder: stand.Builder, tmp_path: Path, network: bool) -> None:
    before = () if network else without_network()

    check(run(*before, env=buildx_builder.environment, folder=tmp_path), BUILT)


@pytest.mark.parametrize("network", [True, False], ids=["network", "no-network"])
def test_the_demo_takes_the_recording_where_none_answers(tmp_path: Path, network: bool) -> None:
    before = () if network else without_network()

    done = run(*before, env=without_buildkit(tmp_path), folder=tmp_path)

    check(done, RECORDED)
    assert "No build of today: nothing here can build with provenance." in done.out


def test_the_demo_takes_the_recording_where_the_builder_is_down(buildx_builder: stand.Builder, tmp_path: Path) -> None:
    """buildx is there and has a builder, but no daemon answers."""
    env = {**buildx_builder.environment, "BUILDX_CONFIG": str(tmp_path / "buildx")}
    down = ("--name=down", "--driver=remote", f"unix://{tmp_path}/nobody.sock", "--use")
    stand.run(stand.tool("buildx"), "create", *down, env=env)

    check(run(env=env, folder=tmp_path), RECORDED)


def test_the_demo_needs_no_git(tmp_path: Path) -> None:
    done = run(env={**minimal(tmp_path), "PATH": "/nonexistent"}, folder=tmp_path)

    check(done, RECORDED)
    assert "No build of today: git is not installed." in done.out


@pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "recording"])
def test_the_demo_needs_no_privileges(buildx_builder: stand.Builder, tmp_path: Path, buildkit: bool) -> None:
    env = buildx_builder.environment if buildkit else without_buildkit(tmp_path)

    check(run(*without_privileges(), env=env, folder=tmp_path), BUILT if buildkit else RECORDED)


@pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "recording"])
def test_the_demo_is_the_same_in_somebody_elses_job(
    buildx_builder: stand.Builder, tmp_path: Path, buildkit: bool
) -> None:
    """What the job says of its own source, and how it wants attest to be, is not about the demo."""
    env = buildx_builder.environment if buildkit else without_buildkit(tmp_path)
    job = {
        "GITLAB_CI": "true",
        "CI_PROJECT_URL": "https://gitlab.example.test/acme/other",
        "CI_COMMIT_SHA": "1" * 40,
        "CI_COMMIT_TAG": "v9.9.9",
        "ATTEST_KEY": str(tmp_path / "nowhere.key"),
        "GIT_DIR": str(tmp_path / "nowhere.git"),
        "GIT_AUTHOR_NAME": "Somebody Else",
        "NO_COLOR": "1",
    }

    check(run(env={**env, **job}, folder=tmp_path), BUILT if buildkit else RECORDED)


def test_the_demo_can_leave_everything_to_look_at(tmp_path: Path) -> None:
    env = without_buildkit(tmp_path)
    left = tmp_path / "left"

    check(attest("demo", "--directory", left, env=env, cwd=tmp_path), RECORDED)

    again = attest("demo", "--directory", left, env=env, cwd=tmp_path)
    assert (again.code, again.out, again.err.splitlines()[0]) == (3, "", f"attest: {left}: exists already")
    seen = attest("verify", "oci-layout:images", "--key", "attest.pub", "--source-commit", COMMIT, env=env, cwd=left)
    assert seen.code == 0, seen


def test_an_interrupted_demo_does_not_go_on(tmp_path: Path) -> None:
    builder = tmp_path / "programs" / "buildx"
    builder.parent.mkdir()
    builder.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        'inspect) printf "Driver: remote\\nStatus: running\\n" ;;\n'
        f"build) echo building >&2; exec {stand.program('sleep', 'coreutils')} 600 ;;\n"
        "esac\n"
    )
    builder.chmod(0o755)
    (builder.parent / "git").symlink_to(stand.program("git", "git"))

    def building(process: subprocess.Popen[str]) -> str:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if line == "building\n":
                return said
        raise AssertionError(f"the demo ended:\n{said}")

    done = interrupted("demo", env={**minimal(tmp_path), "PATH": str(builder.parent)}, cwd=tmp_path, when=building)

    assert done.code == 130, done
    assert done.err.splitlines()[-1] == "attest: interrupted"
    assert RECORDED not in done.out
