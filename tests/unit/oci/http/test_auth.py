from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import StoreError, Unauthorised, Unreachable, Unreadable
from attest.oci.descriptor import Descriptor
from attest.oci.http.registry import Registry
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.http.registries import NAME, MemoryRegistry, error, host_of, open_at
from tests.unit.oci.samples import BUNDLE, image, referrer

ONE = image(1)
DIGEST = Digest.of(ONE)
SECRET = "correct-horse-battery-staple"
LOGIN = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": SECRET}
BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
PULL, PUSH = f"repository:{NAME}:pull", f"repository:{NAME}:pull,push"


@dataclass
class Guard:
    """A registry in front of which a token server stands; `tokens` are the scopes that were asked for."""

    memory: MemoryRegistry
    realm: str
    grant: Callable[[Request], Response]
    asked: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    challenge: str = ""

    def watch(self, request: Request) -> Response | None:
        token = request.headers.get("Authorization", "")
        wanted = PULL if request.method == "GET" else PUSH
        if token in self.valid and wanted in token:
            return None
        header = self.challenge or f'Bearer realm="{self.realm}",service="registry",scope="{wanted}"'
        return error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=header)

    def token(self, request: Request) -> Response:
        asked = (
            parse_qs(request.get_data(as_text=True))
            if request.method == "POST"
            else parse_qs(request.query_string.decode())
        )
        self.asked.append((request.method, asked, request.headers.get("Authorization")))
        return self.grant(request)

    def give(self, request: Request) -> Response:
        scope = (request.form if request.method == "POST" else request.args)["scope"]
        token = f"t{len(self.asked)}-{scope.split()[0]}"
        self.valid.add(f"Bearer {token}")
        return Response(json.dumps({"token": token}), content_type="application/json")


@pytest.fixture
def guard(server: HTTPServer, elsewhere: HTTPServer) -> Guard:
    """A registry that wants a token, and the server that gives it to anybody."""
    memory = MemoryRegistry().serve(server)
    memory.add(ONE, "1")
    memory.blobs[str(Digest.of(BUNDLE))] = BUNDLE
    guard = Guard(memory, f"http://{host_of(elsewhere)}/token", lambda _: Response())
    guard.grant = guard.give
    memory.before = guard.watch
    elsewhere.expect_request("/token").respond_with_handler(guard.token)
    return guard


def _open(server: HTTPServer, environ: Mapping[str, str] = LOGIN) -> Registry:
    return open_at(host_of(server), environ=environ)


def test_a_token_for_reading_is_asked_for_once(guard: Guard, server: HTTPServer) -> None:
    store = _open(server)
    assert store.resolve().digest == DIGEST
    assert store.blob(Descriptor.of(BUNDLE, ""), 100) == BUNDLE
    assert guard.asked == [("GET", {"service": ["registry"], "scope": [PULL]}, BASIC)]
    assert len(guard.memory.seen) == 3


def test_many_threads_ask_for_one_token(guard: Guard, server: HTTPServer) -> None:
    store = _open(server)
    start = threading.Barrier(8)

    def read(_: int) -> bytes:
        start.wait(10)
        return store.blob(Descriptor.of(BUNDLE, ""), 100)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [BUNDLE] * 8
    assert len(guard.asked) == 1


def test_writing_asks_for_the_right_to_write_and_reading_does_not(guard: Guard, server: HTTPServer) -> None:
    store = _open(server)
    store.resolve()
    store.push_blob(b"new", "")
    store.attach([Artifact(referrer(ONE), DIGEST)])
    assert [asked["scope"] for _, asked, _ in guard.asked] == [[PULL], [PUSH]]


def test_a_write_that_has_to_read_first_needs_no_second_token(guard: Guard, server: HTTPServer) -> None:
    _open(server).attach([Artifact(referrer(ONE), DIGEST)])
    assert [asked["scope"] for _, asked, _ in guard.asked] == [[PUSH]]


def _mounting(server: HTTPServer) -> Registry:
    return open_at(host_of(server), environ=LOGIN, mount_from="acme/first")


def test_mounting_asks_for_the_right_to_read_the_other_repository(guard: Guard, server: HTTPServer) -> None:
    store = _mounting(server)
    store.push_blob(b"new", "")
    store.blob(Descriptor.of(BUNDLE, ""), 100)
    assert [asked["scope"] for _, asked, _ in guard.asked] == [[PUSH, "repository:acme/first:pull"], [PULL]]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_who_may_not_read_the_other_repository_may_still_write_into_this_one(
    guard: Guard, server: HTTPServer, status: int
) -> None:
    guard.grant = lambda request: (
        Response(status=status) if len(request.args.getlist("scope")) > 1 else guard.give(request)
    )
    _mounting(server).push_blob(b"new", "")
    assert guard.memory.blobs[str(Digest.of(b"new"))] == b"new"


def test_an_identity_token_is_exchanged_for_both_scopes_in_one_field(
    guard: Guard, server: HTTPServer, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host_of(server): {"identitytoken": SECRET}}}))
    open_at(host_of(server), environ={"DOCKER_CONFIG": str(tmp_path)}, mount_from="acme/first").push_blob(b"new", "")
    assert [asked["scope"] for _, asked, _ in guard.asked] == [[f"{PUSH} repository:acme/first:pull"]]


def test_a_token_that_has_expired_is_renewed(guard: Guard, server: HTTPServer) -> None:
    store = _open(server)
    store.resolve()
    guard.valid.clear()
    assert store.resolve().digest == DIGEST
    assert len(guard.asked) == 2


def test_a_token_that_expires_between_two_writes_is_renewed_once(guard: Guard, server: HTTPServer) -> None:
    store = _open(server)
    store.push_blob(b"first", "")
    guard.valid.clear()
    store.push_blob(b"second", "")
    store.push_blob(b"third", "")
    assert len(guard.asked) == 2


def test_a_token_that_is_not_accepted_is_not_asked_for_without_end(guard: Guard, server: HTTPServer) -> None:
    guard.grant = lambda _: Response(json.dumps({"token": "useless"}))
    with pytest.raises(Unauthorised, match="HTTP 401, 'UNAUTHORIZED: authentication required'"):
        _open(server).resolve()
    assert len(guard.asked) == 1


def test_anybody_may_get_a_token_for_a_public_repository(guard: Guard, server: HTTPServer) -> None:
    assert _open(server, {}).resolve().digest == DIGEST
    assert guard.asked == [("GET", {"service": ["registry"], "scope": [PULL]}, None)]


def test_a_token_may_be_called_access_token(guard: Guard, server: HTTPServer) -> None:
    guard.valid.add(f"Bearer t-{PULL}")
    guard.grant = lambda _: Response(json.dumps({"token": "", "access_token": f"t-{PULL}"}))
    assert _open(server).resolve().digest == DIGEST


def test_an_identity_token_is_exchanged_not_shown_around(guard: Guard, server: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host_of(server): {"identitytoken": SECRET}}}))
    assert _open(server, {"DOCKER_CONFIG": str(tmp_path)}).resolve().digest == DIGEST
    form = {
        "grant_type": ["refresh_token"],
        "service": ["registry"],
        "scope": [PULL],
        "client_id": ["attest"],
        "refresh_token": [SECRET],
    }
    assert guard.asked == [("POST", form, None)]


def test_a_realm_keeps_its_own_query_and_needs_no_service(
    guard: Guard, server: HTTPServer, elsewhere: HTTPServer
) -> None:
    guard.challenge = f'Bearer realm="{guard.realm}?account=x"'
    assert _open(server).resolve().digest == DIGEST
    assert guard.asked == [("GET", {"account": ["x"], "scope": [PULL]}, BASIC)]


def test_a_token_is_preferred_to_the_password(guard: Guard, server: HTTPServer) -> None:
    guard.challenge = f'Basic realm="x", Bearer realm="{guard.realm}"'
    assert _open(server).resolve().digest == DIGEST
    assert guard.memory.asked("GET") == ["manifests/1"] * 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_token_is_unauthorised_and_says_whose_credentials_were_used(
    guard: Guard, server: HTTPServer, status: int
) -> None:
    guard.grant = lambda _: Response(json.dumps({"details": "incorrect username or password"}), status)
    with pytest.raises(Unauthorised, match="no token to read") as caught:
        _open(server).resolve()
    assert caught.value.exit_code == 4
    assert "incorrect username or password" in caught.value.detail
    assert "The credentials of ATTEST_REGISTRY_USER were used." in caught.value.detail


def test_without_credentials_the_error_says_what_to_set(guard: Guard, server: HTTPServer, tmp_path: Path) -> None:
    guard.grant = lambda _: Response(status=401)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(Unauthorised) as caught:
        _open(server, {"DOCKER_CONFIG": str(tmp_path)}).resolve()
    assert f"No credentials for {host_of(server)} were found." in caught.value.detail
    assert f"Note: {tmp_path / 'config.json'}: not valid JSON." in caught.value.detail
    assert "ATTEST_REGISTRY_PASSWORD" in caught.value.remedy
    assert f"docker login {host_of(server)}" in caught.value.remedy


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: Response(status=500), Unreachable),
        (lambda: Response(status=418), Unreadable),
        (lambda: Response(status=404), Unreadable),
        (lambda: Response("<html>"), Unreadable),
        (lambda: Response("[]"), Unreadable),
        (lambda: Response("{}"), Unreadable),
        (lambda: Response('{"token": 5}'), Unreadable),
        (lambda: Response(json.dumps({"token": "a\r\nX-Injected: b"})), Unreadable),
        (lambda: Response(json.dumps({"token": "a b"})), Unreadable),
        (lambda: Response(json.dumps({"token": "a\x7fb"})), Unreadable),
        (lambda: Response(json.dumps({"token": "ü"})), Unreadable),
        (lambda: Response(b" " * (1 << 20) + b"{}"), Unreadable),
    ],
)
def test_a_token_server_that_answers_rubbish_is_one_of_our_errors(
    guard: Guard, server: HTTPServer, answer: Callable[[], Response], kind: type[StoreError]
) -> None:
    guard.grant = lambda _: answer()
    with pytest.raises(kind):
        _open(server).resolve()


def test_a_token_server_that_is_gone_does_not_make_the_referrers_look_absent(guard: Guard, server: HTTPServer) -> None:
    guard.grant = lambda _: Response(status=404)
    with pytest.raises(Unreadable, match="no token server"):
        _open(server).referrers(DIGEST)


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example.com/token",
        "ftp://127.0.0.1/token",
        "//127.0.0.1/token",
        "",
        "token",
        "https://",
        "http://[",
    ],
)
def test_a_password_goes_to_no_token_server_without_tls(guard: Guard, server: HTTPServer, realm: str) -> None:
    guard.challenge = f'Bearer realm="{realm}",service="x"'
    with pytest.raises((Unauthorised, Unreadable)):
        _open(server).resolve()
    assert guard.asked == []


def test_a_token_server_that_sends_us_on_does_not_take_the_password_along(
    guard: Guard, server: HTTPServer, elsewhere: HTTPServer
) -> None:
    away = {"Location": f"http://{host_of(server)}/thief"}
    guard.grant = lambda _: Response(status=302, headers=away)
    seen: list[str | None] = []

    def thief(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(status=401)

    server.expect_request("/thief").respond_with_handler(thief)
    with pytest.raises(Unauthorised):
        _open(server).resolve()
    assert seen == [None]


def test_name_and_password_are_sent_once_they_are_asked_for(guard: Guard, server: HTTPServer) -> None:
    guard.challenge = 'Basic realm="registry, please"'
    seen: list[str | None] = []

    def watch(request: Request) -> Response | None:
        seen.append(request.headers.get("Authorization"))
        return None if seen[-1] == BASIC else guard.watch(request)

    guard.memory.before = watch
    store = _open(server)
    assert store.resolve().digest == DIGEST
    assert store.blob(Descriptor.of(BUNDLE, ""), 100) == BUNDLE
    assert seen == [None, BASIC, BASIC]


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Negotiate", "rubbish=", 'Digest realm="x"'])
def test_without_an_answer_to_the_challenge_it_is_asked_once(guard: Guard, server: HTTPServer, challenge: str) -> None:
    guard.challenge = challenge
    with pytest.raises(Unauthorised):
        _open(server, {}).resolve()
    assert len(guard.memory.seen) == 1


def test_a_registry_that_refuses_without_asking_gets_no_credentials(guard: Guard, server: HTTPServer) -> None:
    guard.memory.before = lambda _: error(403, "DENIED", "not from here")
    with pytest.raises(Unauthorised, match="It asked for no credentials"):
        _open(server).resolve()
    assert len(guard.memory.seen) == 1


def test_no_secret_is_shown_even_if_the_server_sends_it_back(
    guard: Guard, server: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    guard.grant = lambda _: Response(json.dumps({"token": f"t-{SECRET}-{'x' * 300}"}))

    def echo(request: Request) -> Response | None:
        sent = request.headers.get("Authorization", "")
        return error(403, "DENIED", f"you sent {sent}, {SECRET} and {BASIC}") if sent else guard.watch(request)

    guard.memory.before = echo
    store = _open(server)
    with pytest.raises(Unauthorised, match="you sent Bearer …") as caught:
        store.resolve()
    shown = f"{caught.value} {store!r} {vars(store)!r} {caplog.text}"
    assert SECRET not in shown
    assert BASIC.partition(" ")[2] not in shown
    assert "xxxx" not in shown
