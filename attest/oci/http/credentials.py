"""Whose name we go by at a registry: the places where docker, podman and GitLab keep credentials, in a fixed order.

1. ATTEST_REGISTRY_USER and ATTEST_REGISTRY_PASSWORD; 2. DOCKER_AUTH_CONFIG, a config.json's text, which comes before
the file for GitLab's runner and for docker's client since 28.3; 3. docker's config.json with its helpers; 4. podman's
auth.json; 5. the variables of a GitLab job, for the registry that they name. What could not be read is noted, not
raised: the registry may answer to anybody.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from attest.errors import Unreadable
from attest.oci import limits
from attest.oci.document import JsonObject, child, parse_object, text

_HUB_KEY: Final = "https://index.docker.io/v1/"
_HUB_HOSTS: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
_REFRESH: Final = "<token>"  # the user that a helper names when its secret is an identity token
_ADDRESS = re.compile(r"(?:https?://)?([^/]+)/?(?:v[12]/?)?")
_XDG: Final = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")
_PODMAN: Final = "/run/containers"
_HELPER = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Login:
    """A user's name and password, or an identity token, and where they were found. Only `source` is ever printed."""

    source: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and what stood in the way of finding more: for the message if the registry refuses us."""

    login: Login | None
    notes: tuple[str, ...] = ()


def find_login(host: str, repository: str, environ: Mapping[str, str]) -> Search:
    """The first credentials for `host`. Raises nothing."""
    seeker = _Seeker(host, repository, environ)
    for place in (seeker.attest, seeker.variable, seeker.docker, seeker.podman, seeker.gitlab):
        try:
            login = place()
        except Unreadable as error:
            seeker.notes.append(error.summary)
        else:
            if login is not None:
                return Search(login, tuple(seeker.notes))
    return Search(None, tuple(seeker.notes))


@dataclass(frozen=True, slots=True)
class _Seeker:
    """Looks into one place after the other; what is wrong with one goes into `notes`."""

    host: str
    repository: str
    environ: Mapping[str, str] = field(repr=False)
    notes: list[str] = field(default_factory=list)

    def attest(self) -> Login | None:
        user, password = self._named("ATTEST_REGISTRY_USER"), self._named("ATTEST_REGISTRY_PASSWORD")
        if bool(user) != bool(password):
            self.notes.append("only one of ATTEST_REGISTRY_USER and ATTEST_REGISTRY_PASSWORD is set")
        return Login("ATTEST_REGISTRY_USER", user, password) if user and password else None

    def variable(self) -> Login | None:
        name = "DOCKER_AUTH_CONFIG"
        content = self._named(name)
        return self._from_config(parse_object(content.encode(), name), name) if content.strip() else None

    def docker(self) -> Login | None:
        home = self._named("HOME")
        folder = self._named("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
        return self._file(Path(folder, "config.json")) if folder else None

    def podman(self) -> Login | None:
        if path := self._named("REGISTRY_AUTH_FILE"):
            return self._file(Path(path))
        folders = [f"{folder}/containers" for name in _XDG if (folder := self._named(name))]
        if not self._named("XDG_RUNTIME_DIR") and os.name == "posix":
            folders.insert(0, f"{_PODMAN}/{os.getuid()}")  # root's, and that of a service or container
        folders.append(f"{self._named('HOME')}/.config/containers" if self._named("HOME") else "")
        logins = (self._file(Path(folder, "auth.json")) for folder in folders if folder)
        return next(filter(None, logins), None)

    def gitlab(self) -> Login | None:
        user, password = self._named("CI_REGISTRY_USER"), self._named("CI_REGISTRY_PASSWORD")
        if self._named("CI_REGISTRY").lower() != self.host.lower() or not user or not password:
            return None
        return Login("CI_REGISTRY_USER", user, password)

    def _named(self, variable: str) -> str:
        return self.environ.get(variable, "")

    def _file(self, path: Path) -> Login | None:
        """docker's and podman's files have one format; a helper named in it comes before what is written in it."""
        try:
            config = parse_object(path.read_bytes(), str(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
        return self._from_config(config, str(path))

    def _from_config(self, config: JsonObject, source: str) -> Login | None:
        return self._from_helper(config) or self._from_entries(child(config, "auths"), source)

    def _from_helper(self, config: JsonObject) -> Login | None:
        helpers = child(config, "credHelpers")
        helper = next(filter(None, (text(helpers, host) for host in self._hosts)), text(config, "credsStore"))
        if not helper:
            return None
        try:
            return _of_helper(helper, _HUB_KEY if self.host in _HUB_HOSTS else self.host, self.environ)
        except Unreadable as error:
            self.notes.append(error.summary)
            return None

    def _from_entries(self, auths: JsonObject, source: str) -> Login | None:
        """podman's keys may name a repository, docker's old ones an address: the most exact comes first."""
        parts = self.repository.split("/")
        scopes = ["", *(f"/{'/'.join(parts[:count])}" for count in range(1, len(parts) + 1))]
        exact = [f"{host}{scope}" for scope in reversed(scopes) for host in self._hosts]
        loose = [key for key in auths if (match := _ADDRESS.fullmatch(key)) and match[1] in self._hosts]
        logins = (_of_entry(child(auths, key), source) for key in dict.fromkeys([*exact, *loose]))
        return next(filter(None, logins), None)

    @property
    def _hosts(self) -> tuple[str, ...]:
        return _HUB_HOSTS if self.host in _HUB_HOSTS else (self.host,)


def _of_entry(entry: JsonObject, source: str) -> Login | None:
    user, password, token = (text(entry, key) for key in ("username", "password", "identitytoken"))
    if encoded := text(entry, "auth"):
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            raise Unreadable(f"{source} holds an `auth` that is not base64") from None
    password = password.strip("\x00")
    return Login(source, user, password, token) if token or (user and password) else None


def _of_helper(name: str, server: str, environ: Mapping[str, str]) -> Login | None:
    """Ask `docker-credential-NAME get`; what it prints is shown to nobody."""
    program = f"docker-credential-{name}"
    if not _HELPER.fullmatch(name):
        raise Unreadable("a credential helper's name is letters, digits and . _ -")
    failure, answer = _run(program, server, environ)
    if failure and b"credentials not found" in answer:
        return None
    if failure:
        raise Unreadable(f"{program} {failure}")
    document = parse_object(answer, program)
    user, secret = text(document, "Username"), text(document, "Secret")
    if user == _REFRESH:
        return Login(program, "", "", secret)
    return Login(program, user, secret) if user and secret else None


def _run(program: str, server: str, environ: Mapping[str, str]) -> tuple[str, bytes]:
    """What went wrong, or "", and what the program printed."""
    import subprocess

    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=limits.HELPER_SECONDS,
            env=environ,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not answer within {limits.HELPER_SECONDS:.0f} s", b""
    except OSError as error:
        return f"cannot be run: {error.strerror}", b""
    return (f"failed with exit code {done.returncode}" if done.returncode else ""), done.stdout
