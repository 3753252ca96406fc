"""Where an identity token comes from, and what is known of it before anybody is asked."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from attest.errors import Unreachable
from attest.trust.signing.identity_token import IdentityRefused, IdentityToken, InvalidToken, find_token
from tests.authority import new_key
from tests.sigstore.claims import PIPELINE, gitlab_token

KEY = new_key()
ISSUER = "https://git.example.test"


def no_person() -> str:
    raise AssertionError("a person was asked")


def found(environ: dict[str, str], file: Path | str | None = None) -> IdentityToken:
    return find_token(environ, str(file) if file else None, is_person=False)(no_person)


def test_gitlabs_token_names_the_pipeline_and_what_will_be_public() -> None:
    token = found({"SIGSTORE_ID_TOKEN": gitlab_token(KEY, ISSUER)})
    assert (token.identity, token.issuer) == (f"https://{PIPELINE}", ISSUER)
    assert "project acme/app" in token.facts


def test_a_file_goes_before_what_the_ci_offers(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(gitlab_token(KEY, "https://file.example.test") + "\n")
    assert found({"SIGSTORE_ID_TOKEN": gitlab_token(KEY, ISSUER)}, file).issuer == "https://file.example.test"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": int(time.time()) - 30}, "has expired"),
        ({"nbf": int(time.time()) + 600}, "not valid yet"),
        ({"aud": "https://vault.example.test"}, "meant for https://vault.example.test, not for sigstore"),
        ({"aud": ["a", "b"]}, "meant for a, b, not for sigstore"),
        ({"aud": None}, "meant for nobody, not for sigstore"),
        ({"exp": None}, "does not say when it expires"),
        ({"iss": None}, "names no issuer"),
        ({"sub": None, "ci_config_ref_uri": None}, "names no subject"),
    ],
)
def test_a_token_that_could_only_be_refused_is_called_so_at_once(claims: dict[str, object], words: str) -> None:
    honest = {"SIGSTORE_ID_TOKEN": gitlab_token(KEY, ISSUER)}
    assert found(honest).issuer == ISSUER
    raw = gitlab_token(KEY, ISSUER, **claims)
    with pytest.raises(InvalidToken, match=words) as refused:
        find_token({"SIGSTORE_ID_TOKEN": raw}, None, is_person=False)
    assert refused.value.exit_code == 2
    assert raw.split(".")[1] not in str(refused.value)


@pytest.mark.parametrize(
    "raw", ["", "hello", "a.b", "a.b.c.d", "eyJh.!!.x", f"eyJh.{base64.b64encode(b'[]').decode()}.x", "eyJh.e30.x y"]
)
def test_what_is_no_token_is_called_so_and_not_repeated(raw: str) -> None:
    with pytest.raises(InvalidToken, match="SIGSTORE_ID_TOKEN: not an identity token") as refused:
        find_token({"SIGSTORE_ID_TOKEN": raw}, None, is_person=True)
    assert len(raw) < 5 or raw not in str(refused.value)


def test_a_token_among_the_arguments_is_refused_and_not_repeated() -> None:
    raw = gitlab_token(KEY, ISSUER)
    with pytest.raises(InvalidToken, match="takes a file, never the token itself") as refused:
        find_token({}, raw, is_person=False)
    assert raw[:20] not in str(refused.value)


def test_a_file_that_is_not_there_or_no_token_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidToken, match="absent: cannot read the file"):
        find_token({}, str(tmp_path / "absent"), is_person=False)
    (tmp_path / "large").write_bytes(b"a" * 70_000)
    with pytest.raises(InvalidToken, match="larger than 64 KiB"):
        find_token({}, str(tmp_path / "large"), is_person=False)


def test_without_a_token_and_a_person_it_is_said_how_to_get_one() -> None:
    with pytest.raises(InvalidToken, match=r"SIGSTORE_ID_TOKEN: \{aud: sigstore\}"):
        find_token({}, None, is_person=False)


def test_a_person_is_asked_where_there_is_one() -> None:
    ask = find_token({}, None, is_person=True)
    assert ask(lambda: gitlab_token(KEY, ISSUER, ci_config_ref_uri=None, email="a@example.test")).identity == (
        "a@example.test"
    )


def test_a_token_that_expires_on_the_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = find_token({"SIGSTORE_ID_TOKEN": gitlab_token(KEY, ISSUER)}, None, is_person=False)
    assert ask(no_person).issuer == ISSUER

    class Later:
        @staticmethod
        def now(_: object) -> Later:
            return Later()

        def timestamp(self) -> float:
            return time.time() + 3600

    monkeypatch.setattr("attest.trust.signing.identity_token.datetime", Later)
    with pytest.raises(InvalidToken, match="has expired"):
        ask(no_person)


# --- GitHub -----------------------------------------------------------------------------------------------------------


def github(server: HTTPServer) -> dict[str, str]:
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": server.url_for("/token?api-version=2.0"),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret-of-this-job",
    }


def test_github_is_asked_when_the_token_is_due_and_for_sigstores_audience(httpserver: HTTPServer) -> None:
    workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.0.0"
    claims = {"job_workflow_ref": workflow, "repository": "acme/app", "ci_config_ref_uri": None}
    raw = gitlab_token(KEY, "https://token.actions.githubusercontent.com", **claims)
    httpserver.expect_oneshot_request(
        "/token",
        query_string={"api-version": "2.0", "audience": "sigstore"},
        headers={"Authorization": "bearer secret-of-this-job"},
    ).respond_with_data(json.dumps({"value": raw}))

    ask = find_token(github(httpserver), None, is_person=False)
    assert not httpserver.log
    token = ask(no_person)
    assert token.identity == f"https://github.com/{workflow}"
    assert token.raw == raw


@pytest.mark.parametrize(("status", "kind"), [(401, IdentityRefused), (403, IdentityRefused), (500, Unreachable)])
def test_github_that_gives_none_is_told_apart(status: int, kind: type[Exception], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/token").respond_with_data("secret-of-this-job", status=status)
    with pytest.raises(kind, match=f"HTTP {status}") as refused:
        found(github(httpserver))
    assert "secret-of-this-job" not in str(refused.value)
