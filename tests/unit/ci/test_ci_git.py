"""Against real repositories, made by the git command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from attest.ci import git
from attest.ci.git import GitRefused, job_source, raw_tag_object, working_tree
from attest.ci.interface import Stated

AUTHOR = {
    "GIT_AUTHOR_NAME": "Alex",
    "GIT_AUTHOR_EMAIL": "alex@example.com",
    "GIT_COMMITTER_NAME": "Alex",
    "GIT_COMMITTER_EMAIL": "alex@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
ADDRESS = "https://git.example.com/acme/app.git"


def sh(directory: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, env=clean | AUTHOR, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A checkout of branch main with one commit and a remote whose address holds a token."""
    path = tmp_path / "app"
    path.mkdir()
    sh(path, "init", "--quiet", "--initial-branch=main")
    (path / "Dockerfile").write_text("FROM scratch\n")
    sh(path, "add", ".")
    sh(path, "commit", "--quiet", "--message=one")
    sh(path, "remote", "add", "origin", "https://gitlab-ci-token:very-secret@git.example.com/acme/app.git")
    return path


def test_a_branch_says_repository_commit_and_branch(app: Path, environ: Mapping[str, str]) -> None:
    job = job_source(environ, app)
    assert job is not None
    assert job.platform == "git"
    assert job.repository == Stated(ADDRESS, f"git remote origin in {app}")
    assert job.commit == Stated(sh(app, "rev-parse", "HEAD"), f"git HEAD in {app}")
    assert job.ref == Stated("refs/heads/main", f"git branch in {app}")
    assert (job.branch, job.tag, job.protected) == ("main", None, None)


def test_the_credentials_of_the_remote_are_nowhere(app: Path, environ: Mapping[str, str]) -> None:
    assert "very-secret" not in repr(job_source(environ, app))


@pytest.mark.parametrize("options", [(), ("--annotate", "--message=release")])
def test_the_only_tag_at_head_is_claimed(app: Path, environ: Mapping[str, str], options: tuple[str, ...]) -> None:
    sh(app, "tag", *options, "v1.0.0")
    job = job_source(environ, app)
    assert job is not None
    assert job.tag == Stated("v1.0.0", f"git tag at HEAD in {app}")
    assert job.ref == Stated("refs/tags/v1.0.0", f"git tag at HEAD in {app}")
    assert job.branch is None


def test_a_detached_checkout_is_of_its_tag(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "tag", "v1.0.0")
    sh(app, "checkout", "--quiet", "--detach")
    job = job_source(environ, app)
    assert job is not None
    assert job.ref == Stated("refs/tags/v1.0.0", f"git tag at HEAD in {app}")
    assert job.branch is None


def test_of_several_tags_none_is_claimed_and_the_origin_says_why(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "tag", "v1")
    sh(app, "tag", "v1.0.0")
    sh(app, "checkout", "--quiet", "--detach")
    job = job_source(environ, app)
    assert job is not None
    assert (job.tag, job.ref) == (None, None)
    assert job.commit is not None
    assert job.commit.origin == f"git HEAD in {app}; 2 tags point at it, so none is claimed: v1, v1.0.0"


def test_a_tag_elsewhere_is_not_claimed(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "tag", "v0")
    sh(app, "commit", "--quiet", "--allow-empty", "--message=two")
    job = job_source(environ, app)
    assert job is not None
    assert job.tag is None


def test_a_subdirectory_belongs_to_its_repository(
    app: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "sub").mkdir()
    monkeypatch.chdir(app)
    job = job_source(environ, Path("sub"))
    assert job is not None
    assert job.commit == Stated(sh(app, "rev-parse", "HEAD"), "git HEAD in ./sub")


@pytest.mark.parametrize("address", ["/srv/git/app.git", "../app.git", "file:///srv/git/app.git"])
def test_a_remote_on_this_machine_is_no_repository_for_others(
    app: Path, environ: Mapping[str, str], address: str
) -> None:
    sh(app, "remote", "set-url", "origin", address)
    job = job_source(environ, app)
    assert job is not None
    assert job.repository is None


def test_a_repository_without_commit_or_remote_says_what_it_can(tmp_path: Path, environ: Mapping[str, str]) -> None:
    sh(tmp_path, "init", "--quiet", "--initial-branch=main")
    job = job_source(environ, tmp_path)
    assert job is not None
    assert (job.repository, job.commit, job.tag) == (None, None, None)


def test_no_directory_no_repository_and_no_git_are_no_answer(
    tmp_path: Path, environ: Mapping[str, str], app: Path
) -> None:
    assert job_source(environ, None) is None
    assert job_source(environ, tmp_path / "missing") is None
    assert job_source({**environ, "GIT_CEILING_DIRECTORIES": "/"}, Path("/proc")) is None
    without_git = {"PATH": str(tmp_path)}
    assert job_source(without_git, app) is None
    assert working_tree(app, without_git).changed == ()
    assert raw_tag_object(app, "a" * 40, without_git) is None


def test_a_hooks_environment_does_not_point_us_elsewhere(app: Path, tmp_path: Path, environ: Mapping[str, str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    sh(other, "init", "--quiet")
    hook = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": str(other / "index")}
    job = job_source({**environ, **hook}, app)
    assert job is not None
    assert job.commit is not None
    assert job.commit.value == sh(app, "rev-parse", "HEAD")
    assert working_tree(app, {**environ, **hook}).changed == ()


def test_a_repository_inside_the_source_cannot_run_programs(app: Path, environ: Mapping[str, str]) -> None:
    marker = app.parent / "ran"
    sh(app, "config", "core.fsmonitor", f"touch {marker}; false")
    assert working_tree(app, environ).changed == ()
    assert not marker.exists()
    embedded = app / "embedded"
    sh(app, "clone", "--quiet", "--bare", str(app), str(embedded))
    assert job_source(environ, embedded) is None


def test_an_annotated_tag_is_given_as_its_bytes(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "tag", "--annotate", "--message=release", "v1.0.0")
    name = sh(app, "rev-parse", "refs/tags/v1.0.0")
    body = raw_tag_object(app, name, environ)
    assert body is not None
    assert body.startswith(f"object {sh(app, 'rev-parse', 'HEAD')}\ntype commit\ntag v1.0.0\n".encode())
    assert body.endswith(b"\n\nrelease\n")


def test_what_is_no_tag_object_is_none(app: Path, environ: Mapping[str, str]) -> None:
    assert raw_tag_object(app, sh(app, "rev-parse", "HEAD"), environ) is None
    assert raw_tag_object(app, "0" * 40, environ) is None


def test_a_replaced_tag_object_does_not_speak_for_the_original(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "tag", "--annotate", "--message=honest", "v1")
    honest = sh(app, "rev-parse", "refs/tags/v1")
    sh(app, "tag", "--annotate", "--message=forged", "forged")
    sh(app, "replace", honest, sh(app, "rev-parse", "refs/tags/forged"))
    body = raw_tag_object(app, honest, environ)
    assert body is not None
    assert body.endswith(b"\n\nhonest\n")


@pytest.mark.parametrize("name", ["v1", "--batch", "HEAD", "a" * 7, "refs/heads/main"])
def test_only_full_object_names_are_looked_up(app: Path, environ: Mapping[str, str], name: str) -> None:
    sh(app, "tag", "--annotate", "--message=release", "v1")
    assert raw_tag_object(app, name, environ) is None


def test_changed_and_untracked_files_make_a_tree_dirty(app: Path, environ: Mapping[str, str]) -> None:
    assert working_tree(app, environ).changed == ()
    (app / "Dockerfile").write_text("FROM changed\n")
    (app / "new\nfile ü").touch()
    sh(app, "config", "status.showUntrackedFiles", "no")
    assert working_tree(app, environ).changed == ("Dockerfile", "new\nfile ü")


def test_ignored_files_are_told_apart_from_changes(app: Path, environ: Mapping[str, str]) -> None:
    (app / ".gitignore").write_text("built/\n")
    sh(app, "add", ".gitignore")
    sh(app, "commit", "--quiet", "--message=ignore")
    (app / "built").mkdir()
    (app / "built" / "out").touch()
    assert (working_tree(app, environ).changed, working_tree(app, environ).ignored) == ((), ("built/",))


def test_a_renamed_file_is_named_in_both_places(app: Path, environ: Mapping[str, str]) -> None:
    sh(app, "mv", "Dockerfile", "Containerfile")
    assert working_tree(app, environ).changed == ("Containerfile", "Dockerfile")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")


@needs_root
def test_gits_refusal_of_somebody_elses_repository_is_explained(app: Path, environ: Mapping[str, str]) -> None:
    (app / "sub").mkdir()
    os.chown(app, 65534, 65534)
    os.chown(app / ".git", 65534, 65534)
    with pytest.raises(GitRefused) as caught:
        job_source(environ, app / "sub")
    assert caught.value.exit_code == 3
    assert "another user" in caught.value.detail
    assert caught.value.remedy.endswith(f"git config --global --add safe.directory {app}")


@needs_root
@pytest.mark.parametrize(
    ("platform", "name"), [("GITLAB_CI", "CI_PROJECT_DIR"), ("GITHUB_ACTIONS", "GITHUB_WORKSPACE")]
)
def test_the_jobs_own_checkout_is_read_whoever_owns_it(
    app: Path, environ: Mapping[str, str], platform: str, name: str
) -> None:
    os.chown(app, 65534, 65534)
    os.chown(app / ".git", 65534, 65534)
    job = job_source({**environ, platform: "true", name: str(app)}, app)
    assert job is not None
    assert job.commit is not None
    with pytest.raises(GitRefused):
        job_source({**environ, platform: "true", name: str(app.parent)}, app)
    with pytest.raises(GitRefused):
        job_source({**environ, name: str(app)}, app)


def test_a_git_that_does_not_answer_is_not_waited_for(
    app: Path, tmp_path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_SECONDS", 0.2)
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text("#!/bin/sh\nexec sleep 5\n")
    (fake / "git").chmod(0o755)
    with pytest.raises(GitRefused, match="no answer"):
        working_tree(app, {**environ, "PATH": f"{fake}:{environ['PATH']}"})
