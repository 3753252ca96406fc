"""The identity token that a certificate is asked for with: a file's, GitLab's, GitHub's, or a person's at a browser.

Nothing here believes it; the certificate authority does that. It is read to say early what would be refused, and what
will be public. The token itself never appears in an argument, a message or a representation.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attest.errors import Unauthorised, Unreachable, Unreadable, UsageError
from attest.oci.document import JsonObject, parse_object, text

AUDIENCE: Final = "sigstore"
_MOST: Final = 64 * 1024  # bytes of a token; GitLab's are about 2 KiB
_CLOCK: Final = 5  # seconds that our clock may be behind the issuer's; sigstore allows as many
_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_GITHUB: Final = "https://token.actions.githubusercontent.com"
_HOW: Final = (
    "GitLab: `id_tokens: {SIGSTORE_ID_TOKEN: {aud: sigstore}}` in the job. GitHub: `permissions: {id-token: write}`. "
    "Elsewhere: --identity-token FILE."
)


class InvalidToken(UsageError):
    """No identity token, or one that the certificate authority could only refuse: nobody was asked."""

    reason = "identity-token"


class IdentityRefused(Unauthorised):
    """The identity provider or the certificate authority does not accept who we say we are."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token, what the certificate will call its bearer, and what else it will tell the world."""

    raw: str = field(repr=False)
    identity: str
    issuer: str
    facts: tuple[str, ...] = ()


# Gets the token when it is due; it is given the way to ask a person, which only one of them takes.
AskForToken = Callable[[Callable[[], str]], IdentityToken]


def find_token(environ: Mapping[str, str], file: str | None, *, is_person: bool) -> AskForToken:
    """Where a token comes from; one that is there already is checked now. Raises InvalidToken."""
    if file is not None:
        raw = _read(file)
        return _ready(raw, "standard input" if file == "-" else f"--identity-token {file}")
    if "SIGSTORE_ID_TOKEN" in environ:
        return _ready(environ["SIGSTORE_ID_TOKEN"], "SIGSTORE_ID_TOKEN")
    if environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
        return lambda _: parse_token(_ask_github(environ), "GitHub's token")
    if is_person:
        return lambda log_in: parse_token(log_in(), "the token from the browser")
    raise InvalidToken("no identity token: nobody says who signs", "", _HOW)


def parse_token(raw: str, origin: str) -> IdentityToken:
    """What a token says of its bearer (RFC 7519); its signature is not looked at. Raises InvalidToken."""
    raw = raw.strip()
    if not _SHAPE.fullmatch(raw):
        found = "It is empty." if not raw else "Expected three parts in base64url, with dots between them."
        raise InvalidToken(f"{origin}: not an identity token", found, _HOW)
    try:
        middle = raw.split(".")[1]
        claims = parse_object(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)), origin)
    except (ValueError, Unreadable):
        raise InvalidToken(f"{origin}: not an identity token", "Its claims are not JSON.", _HOW) from None
    _refuse_audience(claims, origin)
    _refuse_time(claims, origin)
    issuer, identity = text(claims, "iss"), _identity(claims)
    if not issuer or not identity:
        raise InvalidToken(f"{origin}: names no {'subject' if issuer else 'issuer'}", "", _HOW)
    return IdentityToken(raw, identity, issuer, tuple(_facts(claims)))


def _ready(raw: str, origin: str) -> AskForToken:
    parse_token(raw, origin)
    return lambda _: parse_token(raw, origin)  # a build may have taken longer than the token lives


def _refuse_audience(claims: JsonObject, origin: str) -> None:
    audience = claims.get("aud")
    given = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if AUDIENCE not in given:
        shown = ", ".join(map(str, given))[:200] or "nobody"
        raise InvalidToken(f"{origin}: the token is meant for {shown}, not for {AUDIENCE}", "", _HOW)


def _refuse_time(claims: JsonObject, origin: str) -> None:
    expires, begins, now = claims.get("exp"), claims.get("nbf"), datetime.now(UTC).timestamp()
    if not isinstance(expires, (int, float)):
        raise InvalidToken(f"{origin}: the token does not say when it expires", "", _HOW)
    if expires <= now:
        ago = f"It expired {now - expires:.0f} s ago."
        raise InvalidToken(f"{origin}: the token has expired", ago, "Run the job again, or sign sooner after it began.")
    if isinstance(begins, (int, float)) and begins > now + _CLOCK:
        early = f"It is valid in {begins - now:.0f} s."
        raise InvalidToken(f"{origin}: the token is not valid yet", early, "Is this machine's clock right?")


def _identity(claims: JsonObject) -> str:
    """What Fulcio makes of the claims (its configuration for the public instance: config/identity/config.yaml)."""
    if pipeline := text(claims, "ci_config_ref_uri"):
        return f"https://{pipeline}"
    if text(claims, "iss") == _GITHUB and (workflow := text(claims, "job_workflow_ref")):
        return f"https://github.com/{workflow}"
    return text(claims, "email") or text(claims, "sub")


_FACTS: Final = {
    "project": ("project_path", "repository"),
    "visibility": ("project_visibility", "repository_visibility"),
    "ref": ("ref_path", "ref"),
    "commit": ("sha",),
    "pipeline": ("pipeline_id", "run_id"),
    "job": ("job_id",),
}


def _facts(claims: JsonObject) -> Iterator[str]:
    """GitLab's claims and GitHub's that end up in the certificate; GitLab's `ref` lacks what `ref_path` has."""
    for what, names in _FACTS.items():
        if value := next((text(claims, name) for name in names if text(claims, name)), ""):
            yield f"{what} {value}"


def _read(file: str) -> str:
    if file.startswith("eyJ"):  # base64 of {", as every token begins
        raise InvalidToken(
            "--identity-token takes a file, never the token itself",
            "Every process of this machine can read the arguments: the token is known now.",
            "Write it to a file, or give - and pipe it in.",
        )
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            content = stream.read(_MOST + 1)
    except OSError as error:
        raise InvalidToken(f"--identity-token {file}: cannot read the file: {error.strerror}") from None
    if len(content) > _MOST:
        raise InvalidToken(f"--identity-token {file}: larger than {_MOST // 1024} KiB, so not a token")
    return content.decode(errors="replace")


def _ask_github(environ: Mapping[str, str]) -> str:
    """GitHub's documentation, "OpenID Connect reference": a GET with the job's own bearer token."""
    from attest.oci.http.answer import Request
    from attest.oci.http.connections import host_of
    from attest.oci.http.transport import Transport

    url = environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
    request = Request("GET", f"{url}{'&' if '?' in url else '?'}audience={AUDIENCE}")
    bearer = f"bearer {environ.get('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')}"
    answer = Transport(frozenset(), None, environ).send(request, bearer)
    if answer.status in (400, 401, 403):
        raise IdentityRefused(
            f"{host_of(url)}: GitHub gives this job no identity token", f"HTTP {answer.status}.", _HOW
        )
    if answer.status != 200:
        raise Unreachable(f"{host_of(url)}: GitHub's token service answers with HTTP {answer.status}")
    return text(parse_object(answer.body, host_of(url)), "value")
