from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from attest.oci import limits
from attest.oci.http import credentials
from attest.oci.http.credentials import Login, Search, find_login

HOST = "registry.example.com"
SECRET = "correct horse: battery staple"


def _encoded(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _find(environ: Mapping[str, str], host: str = HOST, repository: str = "acme/app") -> Search:
    return find_login(host, repository, environ)


def _user(environ: Mapping[str, str], host: str = HOST, repository: str = "acme/app") -> str:
    login = _find(environ, host, repository).login
    return login.user if login is not None else ""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    return tmp_path / "docker"


def _write(folder: Path, config: object, name: str = "config.json") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(config if isinstance(config, str) else json.dumps(config))
    return {"DOCKER_CONFIG": str(folder)}


def _helper(folder: Path, name: str, script: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_nothing_set_means_nobody() -> None:
    assert _find({}) == Search(None, ())


def test_our_own_variables_hold_for_every_host() -> None:
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": SECRET}
    assert _find(environ).login == Login("ATTEST_REGISTRY_USER", "me", SECRET)
    assert _user(environ, "docker.io") == "me"


@pytest.mark.parametrize("name", ["ATTEST_REGISTRY_USER", "ATTEST_REGISTRY_PASSWORD"])
def test_half_of_our_own_variables_is_noted_not_used(name: str) -> None:
    found = _find({name: SECRET})
    assert found.login is None
    assert "only one of" in found.notes[0]
    assert SECRET not in found.notes[0]


def test_places_are_asked_in_their_order(tmp_path: Path, docker: Path) -> None:
    environ = {"CI_REGISTRY": HOST, "CI_REGISTRY_USER": "gitlab", "CI_REGISTRY_PASSWORD": SECRET}
    assert _user(environ) == "gitlab"
    _write(tmp_path / "run" / "containers", {"auths": {HOST: _encoded("podman")}}, "auth.json")
    environ["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    assert _user(environ) == "podman"
    environ |= _write(docker, {"auths": {HOST: _encoded("docker")}})
    assert _user(environ) == "docker"
    environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {HOST: _encoded("variable")}})
    assert _user(environ) == "variable"
    environ |= {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": SECRET}
    assert _user(environ) == "me"


def test_the_variable_that_holds_a_config_may_name_another_registry_only(docker: Path) -> None:
    environ = _write(docker, {"auths": {HOST: _encoded("docker")}})
    environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"other.example": _encoded("variable")}})
    assert _user(environ) == "docker"
    assert _user(environ, "other.example") == "variable"


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"registry.example.com": {"auth": "?"}}}'])
def test_a_variable_that_holds_rubbish_is_noted_without_its_text(docker: Path, text: str) -> None:
    found = _find({**_write(docker, {"auths": {HOST: _encoded("docker")}}), "DOCKER_AUTH_CONFIG": text})
    assert found.login is not None
    assert found.login.user == "docker"
    assert "DOCKER_AUTH_CONFIG" in found.notes[0]


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where podman keeps what belongs to no session; this machine's own place has nothing to do with these tests."""
    monkeypatch.setattr(credentials, "_PODMAN", str(tmp_path / "system"))
    return tmp_path / "system" / str(os.getuid())


def test_podman_without_a_session_keeps_its_file_with_the_system(tmp_path: Path, system: Path) -> None:
    _write(system, {"auths": {HOST: _encoded("system")}}, "auth.json")
    _write(tmp_path / ".config" / "containers", {"auths": {HOST: _encoded("home")}}, "auth.json")
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    assert _user(home) == "system"
    assert _user({**home, "XDG_RUNTIME_DIR": str(tmp_path / "session")}) == "home"


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_podman_without_a_runtime_folder_keeps_its_file_at_home(tmp_path: Path, variable: str) -> None:
    folder = tmp_path / (".config" if variable == "HOME" else "") / "containers"
    _write(folder, {"auths": {HOST: _encoded("podman")}}, "auth.json")
    assert _user({variable: str(tmp_path)}) == "podman"


def test_gitlabs_variables_hold_for_gitlabs_registry_only() -> None:
    environ = {"CI_REGISTRY": HOST.upper(), "CI_REGISTRY_USER": "job", "CI_REGISTRY_PASSWORD": SECRET}
    assert _user(environ) == "job"
    for other in ("docker.io", f"{HOST}:5000", f"{HOST}.evil.example", "example.com"):
        assert _user(environ, other) == ""


def test_docker_keeps_its_file_at_home(tmp_path: Path) -> None:
    _write(tmp_path / ".docker", {"auths": {HOST: _encoded("docker")}})
    assert _user({"HOME": str(tmp_path)}) == "docker"
    assert _user({"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "other")}) == ""


def test_podmans_file_may_be_named(tmp_path: Path) -> None:
    _write(tmp_path, {"auths": {HOST: _encoded("podman")}}, "somewhere.json")
    assert _user({"REGISTRY_AUTH_FILE": str(tmp_path / "somewhere.json")}) == "podman"


@pytest.mark.parametrize(
    "key", [HOST, f"https://{HOST}", f"http://{HOST}/", f"https://{HOST}/v1/", f"https://{HOST}/v2/", f"{HOST}/v1/"]
)
def test_a_host_is_found_however_docker_wrote_it(docker: Path, key: str) -> None:
    assert _user(_write(docker, {"auths": {key: _encoded("me")}})) == "me"


@pytest.mark.parametrize(
    "key",
    [
        f"{HOST}:5000",
        f"x{HOST}",
        f"{HOST}.evil.example",
        "example.com",
        f"https://evil.example/{HOST}",
        f"{HOST}/other",
    ],
)
def test_anothers_credentials_are_not_taken(docker: Path, key: str) -> None:
    assert _user(_write(docker, {"auths": {key: _encoded("other")}})) == ""


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_is_found_under_its_old_names(docker: Path, key: str) -> None:
    assert _user(_write(docker, {"auths": {key: _encoded("me")}}), "docker.io", "library/app") == "me"


def test_the_most_exact_entry_counts(docker: Path) -> None:
    auths = {
        HOST: _encoded("host"),
        f"{HOST}/acme": _encoded("group"),
        f"{HOST}/acme/app": _encoded("repository"),
        f"https://{HOST}/v1/": _encoded("old"),
    }
    environ = _write(docker, {"auths": auths})
    assert [_user(environ, repository=name) for name in ("acme/app", "acme/app2", "acm/app")] == [
        "repository",
        "group",
        "host",
    ]


def test_a_password_may_hold_colons_and_any_letter(docker: Path) -> None:
    login = _find(_write(docker, {"auths": {HOST: _encoded("me", "a:b:ü€")}})).login
    assert login is not None
    assert (login.user, login.password) == ("me", "a:b:ü€")
    assert login.basic == "Basic " + base64.b64encode("me:a:b:ü€".encode()).decode()


def test_user_and_password_may_stand_in_clear(docker: Path) -> None:
    login = _find(_write(docker, {"auths": {HOST: {"username": "me", "password": SECRET}}})).login
    assert login is not None
    assert (login.user, login.password) == ("me", SECRET)


def test_an_identity_token_is_found(docker: Path) -> None:
    login = _find(_write(docker, {"auths": {HOST: {**_encoded("<token>", ""), "identitytoken": SECRET}}})).login
    assert login is not None
    assert login.identity_token == SECRET


@pytest.mark.parametrize("entry", [{}, None, "x", {"auth": ""}, {"auth": base64.b64encode(b"me").decode()}])
def test_an_empty_entry_is_none_and_no_note(docker: Path, entry: object) -> None:
    assert _find(_write(docker, {"auths": {HOST: entry}})) == Search(None, ())


@pytest.mark.parametrize(
    "config", ["", "{", "[]", '{"auths":{},"auths":{}}', json.dumps({"auths": {HOST: {"auth": "not base64!"}}})]
)
def test_a_broken_file_is_noted_and_the_next_place_is_asked(docker: Path, config: str) -> None:
    gitlab = {"CI_REGISTRY": HOST, "CI_REGISTRY_USER": "job", "CI_REGISTRY_PASSWORD": SECRET}
    found = _find(_write(docker, config) | gitlab)
    assert found.login is not None
    assert found.login.source == "CI_REGISTRY_USER"
    assert str(docker / "config.json") in found.notes[0]


def test_a_file_that_cannot_be_read_is_noted(docker: Path) -> None:
    (docker / "config.json").mkdir(parents=True)
    assert "Is a directory" in _find({"DOCKER_CONFIG": str(docker)}).notes[0]


@pytest.mark.parametrize("config", [{"credsStore": "test"}, {"credHelpers": {HOST: "test"}, "credsStore": "missing"}])
def test_a_helper_is_asked_for_the_host(docker: Path, tmp_path: Path, config: Mapping[str, object]) -> None:
    script = f"""test "$1" = get && test "$(cat)" = {HOST} && echo '{{"Username":"me","Secret":"{SECRET}"}}'"""
    environ = _write(docker, config) | _helper(tmp_path / "bin", "test", script)
    assert _find(environ).login == Login("docker-credential-test", "me", SECRET)


def test_a_helper_is_asked_for_docker_hub_by_its_old_name(docker: Path, tmp_path: Path) -> None:
    script = """test "$(cat)" = https://index.docker.io/v1/ && echo '{"Username":"me","Secret":"x"}'"""
    environ = _write(docker, {"credsStore": "test"}) | _helper(tmp_path / "bin", "test", script)
    assert _user(environ, "docker.io", "library/app") == "me"


def test_a_helper_may_know_an_identity_token(docker: Path, tmp_path: Path) -> None:
    script = f"""echo '{{"Username":"<token>","Secret":"{SECRET}"}}'"""
    environ = _write(docker, {"credsStore": "test"}) | _helper(tmp_path / "bin", "test", script)
    assert _find(environ).login == Login("docker-credential-test", "", "", SECRET)


def test_a_helper_that_knows_nothing_is_no_trouble(docker: Path, tmp_path: Path) -> None:
    script = "echo credentials not found in native keychain; exit 1"
    config = {"credsStore": "test", "auths": {HOST: _encoded("file")}}
    found = _find(_write(docker, config) | _helper(tmp_path / "bin", "test", script))
    assert found.notes == ()
    assert found.login is not None
    assert found.login.user == "file"


@pytest.mark.parametrize(
    ("script", "note"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "docker-credential-test failed with exit code 3"),
        (f"echo {SECRET}", "docker-credential-test: not valid JSON"),
        ("sleep 2 & exec sleep 9", "docker-credential-test did not answer within"),
    ],
)
def test_a_helper_that_fails_is_noted_and_what_it_prints_is_not(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, note: str
) -> None:
    monkeypatch.setattr(limits, "HELPER_SECONDS", 0.3)
    config = {"credsStore": "test", "auths": {HOST: _encoded("file")}}
    found = _find(_write(docker, config) | _helper(tmp_path / "bin", "test", script))
    assert note in found.notes[0]
    assert SECRET not in str(found.notes)
    assert found.login is not None
    assert found.login.user == "file"


def test_a_helper_that_is_missing_is_noted(docker: Path) -> None:
    environ = _write(docker, {"credsStore": "missing"}) | {"PATH": "/nonexistent"}
    assert _find(environ).notes == ("docker-credential-missing cannot be run: No such file or directory",)


def test_a_helpers_name_is_no_path(docker: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "docker-credential-x").mkdir()
    _helper(tmp_path / "docker-credential-x", "y", f"touch {marker}")
    found = _find(_write(docker, {"credsStore": "x/docker-credential-y"}) | {"PATH": str(tmp_path)})
    assert "a credential helper's name" in found.notes[0]
    assert not marker.exists()


def test_nothing_secret_is_printed(docker: Path) -> None:
    for entry in (_encoded("user-name"), {"identitytoken": SECRET}):
        found = _find(_write(docker, {"auths": {HOST: entry}}))
        assert found.login is not None
        shown = f"{found!r} {found.login} {found.login!r}"
        assert SECRET not in shown
        assert found.login.basic.partition(" ")[2] not in shown
        assert str(docker) in shown
