"""Asking a registry with as much authority as a question needs (distribution's token specification, RFC 7617).

Nothing is said of ourselves until the registry asks. Then it gets a token for this repository and this kind of
question, or, if that is what it asks for, name and password. Neither is ever sent to another origin than its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from attest.errors import NotFound, StoreError, Throttled, Unauthorised, Unreachable, Unreadable
from attest.oci.document import parse_object, text
from attest.oci.http.answer import Answer, Request, printable
from attest.oci.http.connections import host_of, origin, split
from attest.oci.http.credentials import Login, Search, find_login
from attest.oci.http.transport import Transport
from attest.reference import RegistryReference

PULL: Final = "pull"
PUSH: Final = "pull,push"

_REFUSED: Final = frozenset({400, 401, 403})
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 RFC 9110's word, not a secret
# RFC 9110, section 11.6.1: `Scheme key=value, key="a, b", Scheme2 …`; what fits neither is skipped.
_ITEM = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=][^\s,"]*))|({_TOKEN})(?=[\s,]|$)|[^\s,]+')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: a scheme and its parameters, both with lower-case names."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read WWW-Authenticate, which may hold several challenges; rubbish yields none."""
    found: list[tuple[str, dict[str, str]]] = []
    for match in _ITEM.finditer(header):
        key, quoted, plain, scheme = match.groups()
        if scheme:
            found.append((scheme.lower(), {}))
        elif key and found:
            found[-1][1].setdefault(key.lower(), re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


class Access:
    """One repository of one registry, with the authority that was given us so far. May be used by several threads."""

    def __init__(
        self, reference: RegistryReference, transport: Transport, environ: Mapping[str, str], mount_from: str = ""
    ) -> None:
        self._reference = reference
        self._transport = transport
        self._environ = environ
        self._mount_from = mount_from
        self._home = origin(transport.address(reference.host))
        self._search: Search | None = None
        self._headers: dict[str, str] = {}
        self._secrets: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def send(self, request: Request, action: str) -> Answer:
        """Ask; where the registry wants to know who we are, ask once more with what it wants to hear."""
        try:
            return self._send(request, action)
        except StoreError as error:  # a server's words are quoted in errors, and it knows what it was sent
            raise type(error)(*map(self._without_secrets, (error.summary, error.detail, error.remedy))) from None

    def _send(self, request: Request, action: str) -> Answer:
        if origin(request.url) != self._home:
            return self._transport.send(request)
        used = self._headers.get(action, "")
        answer = self._transport.send(request, used)
        if answer.status != 401 or origin(answer.url) != self._home:
            return answer
        header = self._renew(answer, action, used)
        return self._transport.send(request, header) if header else answer

    def refusal(self, answer: Answer, where: str, otherwise: type[StoreError] = Unreadable) -> StoreError:
        """The error that an answer is which is not the one hoped for."""
        said = printable(self._without_secrets(answer.complaint))
        detail = f"{host_of(answer.url)} answers HTTP {answer.status}{f', {said!r}' if said else ''}."
        match answer.status:
            case 401 | 403:
                return self._unauthorised(where, detail)
            case 404:
                remedy = "Check the name; some registries also say so to those who may not look."
                return NotFound(f"{where}: not there", detail, remedy)
            case 429:
                later = printable(answer.headers.get("Retry-After", ""))
                remedy = f"Try again in {later} s." if later.isdigit() else "Try again later, or log in."
                return Throttled(f"{where}: too many requests", detail, remedy)
            case status if status >= 500:
                return Unreachable(f"{where}: the registry fails", detail, "Try again later.")
        remedy = ""
        if answer.status == 400 and answer.url.startswith("http:"):  # what Go's servers say to who forgets TLS
            remedy = "We spoke without TLS. If it wants TLS, name its CA: --registry-ca-file."
        return otherwise(f"{where}: the registry does not do what was asked", detail, remedy)

    def _renew(self, answer: Answer, action: str, used: str) -> str:
        """The Authorization header for this kind of question; one thread asks for it, the others get the same."""
        with self._lock:
            known = self._headers.get(action, "")
            if known != used:
                return known
            header = self._answer_to(parse_challenges(answer.headers.get("WWW-Authenticate", "")), action)
            self._headers[action] = header
            self._secrets |= {header.partition(" ")[2]}
            return header

    def _answer_to(self, challenges: tuple[Challenge, ...], action: str) -> str:
        wanted = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in wanted:
            return f"Bearer {self._token(wanted['bearer'].parameters, action)}"
        login = self._login() if "basic" in wanted else None
        return login.basic if login is not None and login.password else ""

    def _token(self, parameters: Mapping[str, str], action: str) -> str:
        """Ask the realm; without credentials too, since public repositories hand tokens to anybody."""
        realm, service = parameters.get("realm", ""), parameters.get("service", "")
        self._require_safe(realm)
        asked = [("service", service)] if service else []
        asked.append(("scope", f"repository:{self._reference.repository}:{action}"))
        beside = [("scope", f"repository:{self._mount_from}:{PULL}")] if self._mount_from and action == PUSH else []
        answer = self._ask_realm(realm, asked + beside, self._login())
        if beside and answer.status in _REFUSED:  # mounting saves time, and nothing hangs on it
            answer = self._ask_realm(realm, asked, self._login())
        where = f"{self._reference.name}: no token to {'read' if action == PULL else 'write'}"
        if answer.status in _REFUSED:
            raise self._unauthorised(where, self.refusal(answer, where).detail)
        if answer.status == 404:  # an absent token server must not make what we asked for look absent
            raise Unreadable(f"{where}: no token server", self.refusal(answer, where).detail)
        if answer.status != 200:
            raise self.refusal(answer, where)
        document = parse_object(answer.body, where)
        token = text(document, "token") or text(document, "access_token")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Unreadable(f"{where}: {host_of(realm)} answers without a usable one")
        return token

    def _ask_realm(self, realm: str, asked: Sequence[tuple[str, str]], login: Login | None) -> Answer:
        if login is not None and login.identity_token:
            scopes = " ".join(value for name, value in asked if name == "scope")  # one field, unlike in an address
            form = [item for item in asked if item[0] != "scope"]
            form += [("scope", scopes), ("grant_type", "refresh_token"), ("client_id", "attest")]
            form.append(("refresh_token", login.identity_token))
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._transport.send(Request("POST", realm, headers, urlencode(form).encode()))
        joint = "&" if split(realm).query else "?"
        request = Request("GET", f"{realm}{joint}{urlencode(asked)}")
        return self._transport.send(request, login.basic if login is not None else "")

    def _require_safe(self, realm: str) -> None:
        """A token server gets our password, so without TLS it is none, unless the registry itself goes without."""
        parts = split(realm)
        plain = self._home[0] == "http" and parts.scheme == "http" and self._transport.is_plain(host_of(realm))
        if not parts.hostname or (parts.scheme != "https" and not plain):
            raise Unauthorised(
                f"{self._reference.name}: sends us to {printable(realm)!r} for a token, which is not https",
                "Credentials are sent over TLS only, except to this machine and hosts named as insecure.",
            )

    def _login(self) -> Login | None:
        if self._search is None:
            self._search = find_login(self._reference.host, self._reference.repository, self._environ)
        login = self._search.login
        if login is not None:
            self._secrets |= {login.password, login.identity_token, login.basic.partition(" ")[2]}
        return login

    def _unauthorised(self, where: str, detail: str) -> Unauthorised:
        host = self._reference.host
        search = self._search
        if search is None:
            return Unauthorised(f"{where}: the registry refuses", f"{detail} It asked for no credentials.")
        notes = "".join(f" Note: {printable(note)}." for note in search.notes)
        if search.login is not None:
            found = f"The credentials of {search.login.source} were used."
            return Unauthorised(
                f"{where}: the registry refuses", f"{detail} {found}{notes}", f"Check what they allow at {host}."
            )
        remedy = f"Set ATTEST_REGISTRY_USER and ATTEST_REGISTRY_PASSWORD, or run `docker login {host}`."
        return Unauthorised(
            f"{where}: the registry refuses", f"{detail} No credentials for {host} were found.{notes}", remedy
        )

    def _without_secrets(self, said: str) -> str:
        """A server may send back what it was sent."""
        for secret in sorted(filter(None, self._secrets), key=len, reverse=True):
            said = said.replace(secret, "…")
        return said
