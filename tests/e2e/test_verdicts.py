"""Each row of verdicts.tsv: an image that the real BuildKit built, who signed it, what is asked, and the answer.

The table was written from the rules of who vouches for what, before anything was run. `asked` says APP, OTHER, HEAD and
OLDER for addresses and commits that are known only here; reasons and vouchers stand in the order of their checks, one
alone for all of them.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli import running
from tests.cli.layouts import write_key_pair
from tests.e2e import pushed, samples, stand
from tests.e2e.git_server import GitServer
from tests.e2e.sigstore_stand import Sigstore, real_sigstore
from tests.recordings.reading import attest
from tests.sigstore.instance import Instance
from tests.sigstore.instance import running as sigstore_in_memory

EXITS: Final = {"passed": 0, "failed": 1, "unknown": 3}
PROJECT: Final = "verdicts/app"

SCRATCH: Final = "--file=Dockerfile.scratch"
FULL: Final = "--provenance=mode=max"
AT_TAG: Final = "{APP}#refs/tags/v1.0.0"
FRONTEND: Final = "--build-arg=BUILDKIT_SYNTAX={frontend}"

# By image: buildx's arguments; `-C NAME` before them builds in another checkout than the honest one.
RECIPES: Final[Mapping[str, tuple[str, ...]]] = {
    "local": (SCRATCH, "."),
    "local-v02": (f"{FULL},version=v0.2", SCRATCH, "."),
    "local-v1": (f"{FULL},version=v1", SCRATCH, "."),
    "bare": ("--provenance=false", SCRATCH, "."),
    "git-branch": (SCRATCH, "{APP}#refs/heads/main"),
    "git-bare-branch": (SCRATCH, "{APP}#main"),
    "git-tag": (SCRATCH, AT_TAG),
    "git-light-tag": (SCRATCH, "{APP}#refs/tags/v0.9.0"),
    "git-bare-tag": (SCRATCH, "{APP}#v1.0.0"),
    "git-commit": (SCRATCH, "{APP}#{HEAD}"),
    "git-v02": (f"{FULL},version=v0.2", SCRATCH, "{APP}#{HEAD}"),
    "twin-bare": (SCRATCH, "{twin}#v1.0.0"),
    "twin-tag": (SCRATCH, "{twin}#refs/tags/v1.0.0"),
    "twin-query": (SCRATCH, "{twin}?tag=v1.0.0"),
    "twin-query-branch": (SCRATCH, "{twin}?branch=v1.0.0"),
    "forged": ("-C", "forged", SCRATCH, "."),
    "lying": ("-C", "lying", SCRATCH, "."),
    "dirty": ("-C", "dirty", SCRATCH, "."),
    "local-dockerfile": ("--file={checkout}/Dockerfile.scratch", "{APP}#{HEAD}"),
    "stage-min": ("--build-context={base}=docker-image://{stage}", AT_TAG),
    "stage-max": (FULL, "--build-context={base}=docker-image://{stage}", AT_TAG),
    "stage-pinned": (FULL, "--build-context={base}=docker-image://{stage}@{stage_digest}", AT_TAG),
    "frontend-min": (FRONTEND, SCRATCH, AT_TAG),
    "frontend-max": (FULL, FRONTEND, SCRATCH, AT_TAG),
    "two-tags": ("--tag={name}:stable", SCRATCH, "."),
    "platforms": ("--platform=linux/amd64,linux/arm64", SCRATCH, "."),
    "joined": ("--platform=linux/amd64", SCRATCH, "."),
    "release": (SCRATCH, "{APP}#refs/tags/v0.9.0"),
    "based": ("{APP}#{HEAD}",),
}
SOURCE: Final = '[source]\nrepository = "{APP}"\n'
POLICIES: Final[Mapping[str, str]] = {
    "isolated": "{key}isolated = true\n" + SOURCE,
    "clean": "{key}" + SOURCE + "clean = true\n",
    "accepted": "{key}" + SOURCE + '[[source.accepted]]\nname = "context:{base}"\ndigest = "{stage_digest}"\n',
    "tagged": 'image_tag = "{{source_tag}}"\n{key}' + SOURCE + "tags = ['/v[0-9.]+/']\n",
    "complete": "{key}" + SOURCE + "[build]\ncomplete = true\n",
    "bases": "{key}" + SOURCE + '[base_images]\nrepositories = ["{registry}/base"]\n',
    "pinned": "{key}" + SOURCE + "[base_images]\npinned = true\n",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    case: str
    image: str
    signer: str
    asked: str
    verdict: str
    checks: str
    reasons: str
    vouchers: str

    @property
    def answers(self) -> set[tuple[str, str, str]]:
        """Check, reason and voucher."""
        checks = self.checks.split()
        columns = (column.split() or [""] for column in (self.reasons, self.vouchers))
        reasons, vouchers = (column * len(checks) if len(column) == 1 else column for column in columns)
        return set(zip(checks, reasons, vouchers, strict=True))


def rows() -> list[Row]:
    table = Path(__file__).with_name("verdicts.tsv").read_text().splitlines()
    return [Row(**row) for row in csv.DictReader(table, delimiter="\t")]


ROWS: Final = tuple(rows())


@dataclass(frozen=True)
class Bench:
    """Builds and signs what is asked for, each image in a repository of its own for each signer."""

    folder: Path
    registry: str
    builder: stand.Builder
    checkout: samples.Repository
    sigstore: Sigstore
    memory: Instance
    names: Mapping[str, str]
    built: dict[tuple[str, str], str] = field(default_factory=dict)

    def image(self, name: str, signer: str) -> str:
        """HOST/REPOSITORY of this image, built and signed."""
        if (name, signer) not in self.built:
            self.built[name, signer] = self._make(name, signer)
        return self.built[name, signer]

    def _make(self, name: str, signer: str) -> str:
        repository = f"{self.registry}/verdicts/{name}-{signer.replace('+', '-and-')}"
        if name.startswith("frontend"):
            samples.push_frontend(self.names["frontend"], self.folder)
        self.build(name, f"{repository}:1")
        self.sign(self._digest(f"{repository}:1"), signer)
        if name == "joined":
            self.build("forged", f"{repository}:foreign", "--platform=linux/arm64")
            join = ("imagetools", "create", "--tag", f"{repository}:both", f"{repository}:1", f"{repository}:foreign")
            stand.run(stand.tool("buildx"), *join, env=self.builder.environment)
        if name == "release":
            self._crane("tag", f"{repository}:1", "v0.9.0")
            self._crane("tag", f"{repository}:1", "v1.0.0")
        return repository

    def build(self, name: str, tag: str, *more: str) -> None:
        arguments, where = RECIPES[name], self.checkout.path
        if arguments[0] == "-C":
            where, arguments = self.folder / arguments[1], arguments[2:]
        written = [argument.format(**self.names, name=tag.rpartition(":")[0]) for argument in arguments]
        self.builder.build("--push", f"--tag={tag}", *more, *written, cwd=where)

    def _digest(self, tag: str) -> str:
        return f"{tag.rpartition(':')[0]}@{self._crane('digest', tag).strip()}"

    def _crane(self, *arguments: str) -> str:
        return stand.run(stand.tool("crane"), *arguments, env=self.builder.environment)

    def sign(self, image: str, signer: str) -> None:
        """The index alone; with `+job` all that the publishing job signs of itself too."""
        who, _, job = signer.partition("+")
        said = {"repository": self.names["APP"], "commit": self.names["HEAD"], "tag": "v1.0.0"}
        what = [word for fact, value in said.items() for word in (f"--source-{fact}", value)]
        SIGNERS[who](self, image, *(what if job else ["--signature-only"]))

    def sign_with_key(self, image: str, *what: str) -> None:
        with contextlib.chdir(self.checkout.path):
            done = attest("sign", image, "--key", self.folder / "release.key", *what)
        assert done.exit == 0, done.err

    def sign_as_pipeline(self, image: str, *what: str, **claims: str) -> None:
        project = {"project_path": PROJECT, "sha": self.names["HEAD"], "ci_config_ref_uri": self.names["pipeline"]}
        token = self.sigstore.ours.token(**{**project, **claims})
        self._keyless(image, *what, config=self.sigstore.trust_config_file, token=token)

    def sign_without_source(self, image: str, *what: str) -> None:
        config = self.folder / "memory.json"
        config.write_text(self.memory.trust_config())
        self._keyless(image, *what, config=config, token=self.memory.token(ci_config_ref_uri=self.names["pipeline"]))

    def _keyless(self, image: str, *what: str, config: Path, token: str) -> None:
        env = stand.environment(self.folder, SIGSTORE_ID_TOKEN=token)
        options: tuple[str | Path, ...] = ("--keyless", "--trust-config", config, *what)
        done = running.attest("sign", image, *options, env=env, cwd=self.checkout.path)
        assert done.code == 0, done

    def question(self, row: Row) -> Iterator[str | Path]:
        """The options of attest verify."""
        if "policy=" not in row.asked:
            yield from self._believed(row.signer)
        for fact, _, value in (word.partition("=") for word in row.asked.split()):
            if fact == "vouched":
                yield "--require-vouched"
            elif fact == "policy":
                yield from ("--policy", self._policy(value))
            else:
                option = "--platform" if fact == "platform" else f"--source-{fact}"
                yield from (option, self.names.get(value, value))

    def _believed(self, signer: str) -> tuple[str | Path, ...]:
        who = signer.partition("+")[0]
        if who in ("key", "nobody"):
            return ("--key", self.folder / "release.pub")
        root, issuer = self.sigstore.trusted_root_file, self.sigstore.ours.url
        if who == "sourceless":
            root, issuer = self.folder / "memory_root.json", self.memory.url
            root.write_text(json.dumps(self.memory.trusted_root()))
        identity = ("--certificate-identity", f"https://{self.names['pipeline']}")
        return (*identity, "--certificate-oidc-issuer", issuer, "--trusted-root", root)

    def _policy(self, name: str) -> Path:
        path = self.folder / f"{name}.toml"
        key = '[[trust.keys]]\nkey = "release.pub"\n'
        path.write_text('schema = "policy.v1"\n' + POLICIES[name].format(**self.names, key=key, registry=self.registry))
        return path


def nobody(*_: object) -> None:
    """Nothing is signed."""


SIGNERS: Final[Mapping[str, Callable[..., None]]] = {
    "nobody": nobody,
    "key": Bench.sign_with_key,
    "gitlab": Bench.sign_as_pipeline,
    "gitlab-older": lambda bench, *what: bench.sign_as_pipeline(
        *what, sha=bench.checkout.older_commit, ref="v0.9.0", ref_path="refs/tags/v0.9.0"
    ),
    "commitless": partial(Bench.sign_as_pipeline, sha=""),
    "sourceless": Bench.sign_without_source,
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, base_image: str, git_http: GitServer) -> samples.Repository:
    """The project, of which the git server has a copy, and another with a branch like its tag."""
    repository = samples.make_repository(tmp_path_factory.mktemp("project") / "app", base_image)
    twin = repository.copy(repository.path.parent / "twin")
    twin.git("branch", "v1.0.0", "refs/tags/v0.9.0")
    git_http.publish(twin.path, "verdicts/twin")
    repository.git("remote", "set-url", "origin", git_http.publish(repository.path, PROJECT))
    return repository


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory, git_http: GitServer) -> Iterator[Sigstore]:
    """For the pipelines of the GitLab that the git server stands for."""
    with real_sigstore(tmp_path_factory.mktemp("sigstore"), git_http.url) as instance:
        yield instance


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory,
    registry: str,
    buildx_builder: stand.Builder,
    base_image: str,
    scanner: str,
    git_http: GitServer,
    checkout: samples.Repository,
    sigstore: Sigstore,
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("verdicts")
    write_key_pair(folder / "release")
    samples.spoil(checkout, folder)
    stage = stand.run(stand.tool("crane"), "digest", scanner, env=buildx_builder.environment).strip()
    names = {
        "APP": f"{git_http.url}/{PROJECT}.git",
        "OTHER": samples.OTHER_ORIGIN,
        "HEAD": checkout.commit,
        "OLDER": checkout.older_commit,
        "twin": f"{git_http.url}/verdicts/twin.git",
        "checkout": str(checkout.path),
        "base": base_image,
        "stage": scanner,
        "stage_digest": stage,
        "frontend": f"{registry}/docker/dockerfile:1",
        "pipeline": f"{git_http.url.removeprefix('http://')}/{PROJECT}//.gitlab-ci.yml@refs/tags/v1.0.0",
    }
    looking = replace(buildx_builder, environment={**buildx_builder.environment, "BUILDX_GIT_CHECK_DIRTY": "1"})
    with sigstore_in_memory() as memory:
        memory.lies["claims"] = {8: memory.url}  # the issuer, and nothing of a source
        yield Bench(folder, registry, looking, checkout, sigstore, memory, names)


# The timestamp authority's own name has a country of three letters.
@pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_the_verdict_is_what_the_table_says(row: Row, bench: Bench) -> None:
    name, _, tag = row.image.partition(":")
    image = f"{bench.image(name, row.signer)}:{tag or '1'}"

    run = attest("verify", image, "--format", "json", *bench.question(row))

    assert run.exit == EXITS[row.verdict], run
    report: dict[str, Any] = json.loads(run.out)
    told = {
        (check["id"], check.get("reason", ""), check.get("vouchedBy", ""))
        for check in report["checks"]
        if check["status"] == row.verdict and (row.verdict != "passed" or check["id"] in row.checks.split())
    }
    assert (report["verdict"], told) == (row.verdict, row.answers)


def test_the_attacks_have_happened(bench: Bench) -> None:
    """What was built is not what its source says, whatever the verdict is."""

    def layers(name: str) -> set[str]:
        image = name if ":" in name else f"{bench.image(name, 'key')}:1"
        held = pushed.manifest(image)
        platform = held["manifests"][0]["digest"] if "manifests" in held else ""
        manifest = pushed.manifest(f"{image.rpartition(':')[0]}@{platform}") if platform else held
        return {layer["digest"] for layer in manifest["layers"]}

    assert layers("git-commit") == layers("git-branch")
    assert not layers("lying") & layers("local")
    assert not layers("twin-bare") & layers("twin-tag")
    assert layers("stage-max") > layers(bench.names["stage"])
    assert not layers("based") > layers(bench.names["stage"])


def test_every_recipe_policy_and_signer_has_a_row_and_every_row_a_name_of_its_own() -> None:
    assert len({row.case for row in ROWS}) == len(ROWS)
    assert {row.image.partition(":")[0] for row in ROWS} == set(RECIPES)
    assert {row.signer.partition("+")[0] for row in ROWS} == set(SIGNERS)
    words = {word for row in ROWS for word in row.asked.split() if word.startswith("policy=")}
    assert words == {f"policy={name}" for name in POLICIES}
