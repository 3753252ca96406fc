"""Registries as platform teams run them: with passwords, with tokens, behind TLS with a CA of their own.

A recorded image is copied in by crane; then it is signed, verified and inspected, and cosign looks at it as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import RECORDING
from tests.cli.layouts import write_key_pair
from tests.cli.running import Done
from tests.cli.running import attest as run_attest
from tests.e2e import pushed, stand, tls, token_server

PASSWORD: Final = token_server.PASSWORD
# bcrypt, which is all that distribution reads, of the password above.
HTPASSWD: Final = "alice:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n"
ALICE: Final = {"ATTEST_REGISTRY_USER": "alice", "ATTEST_REGISTRY_PASSWORD": PASSWORD}
BOB: Final = {**ALICE, "ATTEST_REGISTRY_USER": "bob"}


@dataclass(frozen=True, slots=True)
class Place:
    """A registry, a folder with keys, and a copy of the recorded image in it."""

    host: str
    folder: Path
    options: tuple[str | Path, ...] = ()
    login: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.host}/acme/app"

    def push(self) -> str:
        """Copy the image in; gives NAME@DIGEST."""
        env = stand.environment(self.folder, DOCKER_CONFIG=str(docker_config(self.folder, self.host, self.login)))
        if self.options:
            env["SSL_CERT_FILE"] = str(self.options[-1])
        stand.run(stand.tool("crane"), "push", "--index", RECORDING, f"{self.name}:1", env=env)
        return f"{self.name}@{stand.run(stand.tool('crane'), 'digest', f'{self.name}:1', env=env).strip()}"

    def attest(self, *arguments: str | Path, **variables: str) -> Done:
        """Run attest with what opens this registry; `variables` come on top."""
        env = {**stand.environment(self.folder), "COSIGN_PASSWORD": "", **self.login, **variables}
        return run_attest(*arguments, *self.options, env=env)

    def sign(self, image: str, **variables: str) -> Done:
        return self.attest("sign", image, "--key", self.folder / "cosign.key", **variables)

    def verify(self, image: str, **variables: str) -> Done:
        key = self.folder / "cosign.pub"
        return self.attest("verify", image, "--key", key, "--signature-only", "--format", "json", **variables)


def docker_config(folder: Path, host: str, login: Mapping[str, str]) -> Path:
    """A folder with docker's config.json, as `docker login` leaves it."""
    encoded = base64.b64encode(":".join(login.values()).encode()).decode()
    config = folder / "docker"
    config.mkdir(exist_ok=True)
    (config / "config.json").write_text(json.dumps({"auths": {host: {"auth": encoded}} if login else {}}))
    return config


def new_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    folder = factory.mktemp(name)
    write_key_pair(folder / "cosign")
    return folder


@pytest.fixture(scope="module")
def with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = new_folder(tmp_path_factory, "htpasswd")
    (folder / "htpasswd").write_text(HTPASSWD)
    access = f"auth: {{htpasswd: {{realm: registry, path: {folder / 'htpasswd'}}}}}\n"
    with stand.distribution(folder, more=access) as host:
        yield Place(host, folder, login=ALICE)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[token_server.TokenServer]:
    with token_server.token_server(tmp_path_factory.mktemp("tokens")) as server:
        yield server


@pytest.fixture(scope="module")
def with_tokens(tmp_path_factory: pytest.TempPathFactory, tokens: token_server.TokenServer) -> Iterator[Place]:
    folder = new_folder(tmp_path_factory, "token")
    settings = f"realm: {tokens.realm}, service: {token_server.SERVICE}, issuer: {token_server.ISSUER}"
    with stand.distribution(folder, more=f"auth: {{token: {{{settings}, rootcertbundle: {tokens.bundle}}}}}\n") as host:
        yield Place(host, folder, login=ALICE)


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = new_folder(tmp_path_factory, "tls")
    certified = tls.certify(folder)
    with stand.distribution(folder, certified) as host:
        yield Place(host, folder, ("--registry-ca-file", certified.ca))


@pytest.fixture(scope="module")
def with_referrers_behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = new_folder(tmp_path_factory, "tls")
    certified = tls.certify(folder)
    with stand.referrers_registry(folder, certified) as host:
        yield Place(host, folder, ("--registry-ca-file", certified.ca))


@pytest.fixture(params=["with_passwords", "with_tokens", "behind_tls", "with_referrers_behind_tls"])
def place(request: pytest.FixtureRequest) -> Place:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Place)
    return found


def test_the_main_way_works_on_it(place: Place) -> None:
    image = place.push()
    signed = place.sign(image)
    assert signed.code == 0, signed
    verified = place.verify(image)
    assert verified.code == 0, verified
    shown = place.attest("inspect", "--format", "json", image)
    assert shown.code == 0, shown
    assert json.loads(shown.out)["signatures"]
    assert PASSWORD not in signed.err + verified.err + shown.out + shown.err


def test_cosign_accepts_what_attest_wrote_there(place: Place, cosign: stand.Cosign) -> None:
    image = place.push()
    signed = place.sign(image)
    assert signed.code == 0, signed
    env = {**cosign.environment, "DOCKER_CONFIG": str(docker_config(place.folder, place.host, place.login))}
    if place.options:
        env["SSL_CERT_FILE"] = str(place.options[-1])
    key = place.folder / "cosign.pub"
    said = stand.run(stand.tool("cosign"), "verify", "--key", key, "--insecure-ignore-tlog", image, env=env)
    assert "https://sigstore.dev/cosign/sign/v1" in {payload["critical"]["type"] for payload in json.loads(said)}


@pytest.mark.parametrize("place", ["with_passwords", "with_tokens"], indirect=True)
def test_nobody_and_a_wrong_password_are_refused_and_told_why(place: Place) -> None:
    image = place.push()
    for variables, words in (
        ({"ATTEST_REGISTRY_USER": "", "ATTEST_REGISTRY_PASSWORD": ""}, "No credentials"),
        ({"ATTEST_REGISTRY_PASSWORD": "wrong-password"}, "ATTEST_REGISTRY_USER were used"),
    ):
        refused = place.verify(image, **variables)
        assert refused.code == 4, refused
        (check,) = json.loads(refused.out)["checks"]
        assert (check["status"], check["reason"]) == ("unknown", "unauthorised")
        assert words in refused.err
        assert "wrong-password" not in refused.out + refused.err


def test_who_may_only_read_can_verify_and_cannot_sign(with_tokens: Place) -> None:
    image = with_tokens.push()
    assert with_tokens.sign(image).code == 0
    assert with_tokens.verify(image, **BOB).code == 0
    write_key_pair(with_tokens.folder / "bob")
    refused = with_tokens.attest("sign", image, "--key", with_tokens.folder / "bob.key", **BOB)
    assert refused.code == 4, refused


def test_reading_asks_for_the_right_to_read_and_one_token_is_enough(
    with_tokens: Place, tokens: token_server.TokenServer
) -> None:
    image = with_tokens.push()
    tokens.scopes.clear()
    assert with_tokens.attest("inspect", image).code == 0
    assert tokens.scopes == ["repository:acme/app:pull"]


def test_a_token_that_runs_out_on_the_way_is_renewed(with_tokens: Place, tokens: token_server.TokenServer) -> None:
    """distribution allows a minute of clock skew: a token that died two minutes ago has never been good."""
    image = with_tokens.push()
    tokens.scopes.clear()
    tokens.seconds = -58
    try:
        signed = with_tokens.sign(image)
    finally:
        tokens.seconds = 300
    assert signed.code == 0, signed
    assert len(tokens.scopes) >= 2


@pytest.mark.parametrize("way", ["docker", "variable", "helper"])
def test_credentials_are_found_where_docker_and_gitlab_keep_them(with_passwords: Place, way: str) -> None:
    image = with_passwords.push()
    host, folder = with_passwords.host, with_passwords.folder
    config = docker_config(folder, host, ALICE)
    none = {"ATTEST_REGISTRY_USER": "", "ATTEST_REGISTRY_PASSWORD": ""}
    if way == "docker":
        variables = {"DOCKER_CONFIG": str(config)}
    elif way == "variable":
        variables = {"DOCKER_AUTH_CONFIG": (config / "config.json").read_text()}
    else:
        helpers = folder / "helpers"
        helpers.mkdir(exist_ok=True)
        (helpers / "config.json").write_text(json.dumps({"credHelpers": {host: "test"}}))
        program = helpers / "docker-credential-test"
        answer = json.dumps({"Username": "alice", "Secret": PASSWORD})
        program.write_text(f"#!/bin/sh\nread -r host\n[ \"$host\" = {host} ] && echo '{answer}'\n")
        program.chmod(0o755)
        variables = {"DOCKER_CONFIG": str(helpers), "PATH": f"{helpers}:{stand.SEARCH_PATH}"}

    assert with_passwords.attest("inspect", image, **{**none, **variables}).code == 0


def test_a_registry_on_this_machine_that_wants_tls_says_how_to_give_it(behind_tls: Place) -> None:
    refused = run_attest("inspect", f"{behind_tls.name}:1", env=stand.environment(behind_tls.folder))
    assert refused.code == 3, refused
    assert "--registry-ca-file" in refused.err


def test_an_unknown_authority_is_told_from_a_registry_that_is_down(behind_tls: Place) -> None:
    image = behind_tls.push()
    (behind_tls.folder / "other").mkdir()
    other = tls.certify(behind_tls.folder / "other")
    env = stand.environment(behind_tls.folder)
    refused = run_attest("inspect", image, "--registry-ca-file", other.ca, env=env)
    assert refused.code == 3, refused
    assert "no TLS connection" in refused.err
    assert "CA" in refused.err


def test_twenty_jobs_that_sign_one_image_at_once_are_all_listed(registry: str, tmp_path: Path) -> None:
    """distribution has no referrers API, and of the tag in its place the last writer's version stays."""
    place = Place(registry, tmp_path)
    image = place.push()
    first, *others = [tmp_path / f"job-{number}" for number in range(21)]
    for job in (first, *others):
        write_key_pair(job)

    def sign(job: Path) -> Done:
        return place.attest("sign", image, "--key", job.with_suffix(".key"))

    before = len(pushed.referrers(image))
    assert sign(first).code == 0
    alone = len(pushed.referrers(image)) - before
    assert alone >= 1
    with ThreadPoolExecutor(len(others)) as at_once:
        assert [done for done in at_once.map(sign, others) if done.code != 0] == []
    assert len(pushed.referrers(image)) == before + 21 * alone
    shown = json.loads(place.attest("inspect", "--format", "json", image).out)
    assert len(shown["signatures"]) == 21
