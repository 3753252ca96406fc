"""What is committed is true anywhere: no path or host of one machine, commands that exist, CI files that are valid."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from string import Template
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from attest.cli.main import COMMANDS
from attest.policy.language.reading import read_policy

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"

GITLAB: Final = "https://gitlab.com"
# The pipelines in examples/, with the jobs in which attest runs.
PIPELINES: Final = {
    "gitlab-ci.yml": ("build", "verify"),
    "gitlab-keyless-ci.yml": ("build", "verify"),
    "gitlab-gate.yml": ("gate",),
}

# A path of the machine that something was written on, not a later part of an address or of another path.
_LOCAL_PATH: Final = re.compile(r"(?<![\w.~}$-])/(?:work|root)/")
_TEMPORARY_PATH: Final = re.compile(r"(?<![\w.~}$-])/tmp/")
_PIN: Final = re.compile(r"^([a-z0-9-]+)==(\S+?) ?(?:; .*)?\\$", re.MULTILINE)


def committed() -> list[Path]:
    """Every file that is tracked, or would be by `git add --all`."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("git or the repository is missing: which files are committed is not known")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """The file's text; nothing for a binary."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


def local_paths(path: Path) -> list[str]:
    """Lines with a path of one machine; tests may use the machine's folder for temporary files."""
    code_of_tests = path.suffix == ".py" and path.is_relative_to(ROOT / "tests")
    found = [_LOCAL_PATH] if code_of_tests else [_LOCAL_PATH, _TEMPORARY_PATH]
    lines = enumerate(text_of(path).splitlines(), 1)
    return [f"{path.relative_to(ROOT)}:{n}: {line[:120]}" for n, line in lines if any(p.search(line) for p in found)]


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    broken = [line for path in committed() for line in local_paths(path)]

    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("folder", ["work", "root", "tmp"])
def test_a_path_of_one_machine_is_seen(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"See https://example.test/{folder}/x.\nSee /{folder}/x.\n")

    assert local_paths(page) == [f"page.md:2: See /{folder}/x."]


def test_the_lock_names_no_host_and_no_path() -> None:
    assert not [line for line in LOCK.read_text().splitlines() if "://" in line or line.startswith((".", "/", "-"))]


def test_the_lock_has_a_hash_for_everything_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = map(Requirement, [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]])
    lock = LOCK.read_text()
    pins = dict(_PIN.findall(lock))

    missing = [str(each) for each in wanted if not each.specifier.contains(pins.get(canonicalize_name(each.name), ""))]

    assert not missing, f"`make lock` is due for {missing}"
    assert len(re.findall(r"^\w", lock, re.MULTILINE)) == len(pins), "a line that pins nothing, or without a hash"


@pytest.mark.parametrize("name", [".gitlab-ci.yml", *(f"examples/{name}" for name in PIPELINES)])
def test_pipelines_are_valid_for_gitlab(name: str) -> None:
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")

    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, ROOT / name], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def typed(pipeline: str) -> Iterator[list[str]]:
    """The arguments of `attest` in each line of an example's jobs."""
    written = YAML(typ="safe").load(ROOT / "examples" / pipeline)
    for job in PIPELINES[pipeline]:
        yield from (shlex.split(line)[1:] for line in written[job]["script"] if line.startswith("attest "))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_example_pipelines_type_commands_that_exist(pipeline: str) -> None:
    lines = list(typed(pipeline))

    for name, *arguments in lines:
        importlib.import_module(COMMANDS[name]).command.make_context(name, arguments)  # click.UsageError if it is wrong

    assert lines


@pytest.mark.parametrize(
    ("pipeline", "policy"),
    [("gitlab-ci.yml", "gitlab-key.toml"), ("gitlab-keyless-ci.yml", "gitlab-keyless.toml")],
)
def test_each_example_pipeline_gives_what_its_policy_asks_for(pipeline: str, policy: str) -> None:
    text = (ROOT / "examples" / pipeline).read_text()
    asked = read_policy(str(ROOT / "examples" / "policies" / policy))
    build, verify = (" ".join(line) for line in typed(pipeline))
    job = {"CI_PROJECT_URL": "https://gitlab.com/acme/app", "CI_COMMIT_TAG": "v1.2.3", "CI_SERVER_URL": GITLAB}
    wanted = {f"https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.2.3 --certificate-oidc-issuer {GITLAB}"}

    said = set(re.findall(r"--certificate-identity (.*)$", Template(verify).safe_substitute(job)))

    assert f"policies/{policy}" in text
    assert asked.sbom.components == ("--sbom true" in build)
    assert bool(asked.trust.keys) == ("--key " in build) == ("--key attest.pub" in verify)
    assert bool(asked.trust.identities) == ("--keyless" in build) == ("SIGSTORE_ID_TOKEN" in text)
    assert said == (wanted if asked.trust.identities else set())
    for one in asked.trust.identities:
        assert one.accepts(next(iter(said)).partition(" ")[0], GITLAB)


def test_what_the_page_on_gitlab_shows_of_a_job_stands_in_the_examples() -> None:
    script = re.compile(r"^    - (.+)$", re.MULTILINE)
    shown = script.findall((ROOT / "docs" / "gitlab.md").read_text())

    assert len(shown) > 3
    assert set(shown) <= {line for name in PIPELINES for line in script.findall((ROOT / "examples" / name).read_text())}


@pytest.mark.parametrize("pipeline", ["gitlab-ci.yml", "gitlab-keyless-ci.yml"])
def test_the_example_pipelines_hand_on_what_they_built_by_tag_and_digest(pipeline: str, tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is missing here")
    (line,) = (one for one in YAML(typ="safe").load(ROOT / "examples" / pipeline)["build"]["script"] if "jq" in one)
    (tmp_path / "build.json").write_text(json.dumps({"containerimage.digest": f"sha256:{'a' * 64}"}))

    environ = {"PATH": os.defpath, "IMAGE": "registry.gitlab.com/acme/app:v1.2.3"}
    subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, env=environ, check=True)

    said = f"RELEASED_IMAGE=registry.gitlab.com/acme/app:v1.2.3@sha256:{'a' * 64}\n"
    assert (tmp_path / "released.env").read_text() == said


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(text: str) -> list[str]:
    """Command lines in Markdown's code (fenced or inline) and in a pipeline's scripts."""
    fenced = "\n".join(re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    inline = re.findall(r"`([^`\n]+)`", text)
    scripts = re.findall(r"^ +- (.+)$", text, re.MULTILINE)
    lines = [part for line in (*fenced.splitlines(), *inline, *scripts) for part in re.split(r"&&|;|#", line)]
    return [line.strip().removeprefix("$ ") for line in lines]


def test_every_make_command_that_people_read_exists() -> None:
    pages = [path for path in committed() if path.suffix in (".md", ".yml")]
    said = {(path.name, line) for path in pages for line in commands(text_of(path)) if re.match(r"make [a-z]", line)}

    unknown = {(page, line) for page, line in said if not set(re.findall(r" ([a-z-]+)(?!\S)", line)) <= make_targets()}

    assert said
    assert not unknown


def test_make_alone_lists_what_people_type() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is missing")

    listed = subprocess.run([make], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {line.split()[1] for line in listed.splitlines()} >= {"demo", "test", "tools", "lint", "lock"}


def test_ci_runs_what_people_run() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_pytest_goes_into_every_folder_that_holds_tests(request: pytest.FixtureRequest) -> None:
    """Its own list of folders to pass over has `build` in it, and a whole room was once not tested."""
    passed_over = request.config.getini("norecursedirs")
    folders = {part for test in (ROOT / "tests").rglob("test_*.py") for part in test.relative_to(ROOT).parts[:-1]}
    assert "build" in folders
    assert not [folder for folder in folders if any(fnmatch(folder, pattern) for pattern in passed_over)]
