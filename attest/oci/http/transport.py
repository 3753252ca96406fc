"""HTTP as a registry client needs it: every answer whole and capped, redirects and retries by our own rules.

- Credentials go to the origin that they were asked for by, never along a redirect.
- TLS is left out only towards this machine and hosts that the user named; no answer leads from https to http.
- Reading is tried again where that may help, writing never: the registry may have done it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError, ProtocolError
from urllib3.util.retry import Retry

from attest import __version__
from attest.errors import Unreachable, Unreadable
from attest.oci import limits
from attest.oci.http.answer import Answer, Request, printable
from attest.oci.http.connections import Connections, host_of, is_loopback, origin, split, unreachable

_READING: Final = frozenset({"GET", "HEAD"})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({429, 502, 503, 504})
_CHUNK: Final = 256 * 1024
_TIMEOUT: Final = urllib3.Timeout(connect=limits.CONNECT_SECONDS, read=limits.READ_SECONDS)
_HUB: Final = {"docker.io": "registry-1.docker.io"}
_RANDOM: Final = random.SystemRandom()


class Transport:
    """The way to one registry and to where it sends us. May be used by several threads."""

    def __init__(
        self,
        insecure_hosts: frozenset[str],
        ca_file: Path | None,
        environ: Mapping[str, str],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._insecure_hosts = insecure_hosts
        self._connections = Connections(ca_file, environ)
        self._wait = wait

    def address(self, host: str) -> str:
        """`https://HOST`, or http where TLS is left out."""
        return f"{'http' if self.is_plain(host) else 'https'}://{_HUB.get(host, host)}"

    def is_plain(self, host: str) -> bool:
        """Whether TLS is left out towards `HOST[:PORT]`."""
        return host in self._insecure_hosts or is_loopback(host)

    def pause(self, seconds: float, spread: float) -> None:
        """Wait so long and up to `spread` seconds more, so that many who failed together do not come back together."""
        self._wait(seconds + _RANDOM.uniform(0, spread))

    def send(self, request: Request, authorization: str = "") -> Answer:
        """Ask, following a read's redirects. Raises Unreachable, Unreadable; no status is an exception."""
        url = request.url
        for _ in range(limits.REDIRECTS + 1):
            answer = self._persistently(request, url, authorization)
            if answer.status not in _MOVED or request.method not in _READING:
                return answer
            target = self.follow(url, answer.headers.get("Location", ""))
            if origin(target) != origin(url):
                authorization = ""  # and it stays away, even if the way leads back
            url = target
        raise Unreadable(f"{host_of(request.url)}: redirected more than {limits.REDIRECTS} times")

    def follow(self, url: str, location: str) -> str:
        """Where an answer from `url` sends us. Raises Unreadable for what leads nowhere, or out of TLS."""
        try:
            target = urljoin(url, location)
        except ValueError:
            target = ""
        parts = split(target)
        if not location or parts.scheme not in ("http", "https") or not parts.hostname:
            shown = printable(location.partition("?")[0])  # a query may be a signature that opens a door
            raise Unreadable(f"{host_of(url)}: sends us to no address", f"Location: {shown!r}.")
        if parts.scheme == "http" and (url.startswith("https:") or not self.is_plain(host_of(target))):
            remedy = "A registry behind a proxy must be told that its own address is https."
            raise Unreadable(f"{host_of(url)}: sends us to {host_of(target)} without TLS", "", remedy)
        return target

    def _persistently(self, request: Request, url: str, authorization: str) -> Answer:
        left = limits.RETRIES if request.method in _READING else 0
        while True:
            asked_for = 0.0
            try:
                answer = self._once(request, url, authorization)
            except HTTPError as error:
                # Not after a time limit: to wait for it four times would take minutes.
                if not left or not isinstance(error, (ProtocolError, NewConnectionError)):
                    raise unreachable(url, error) from None
            else:
                asked_for = _retry_after(answer)
                if not left or answer.status not in _PASSING or asked_for > limits.RETRY_AFTER_SECONDS:
                    return answer
            backoff = 0.8 / 2**left  # 0.1, 0.2 and 0.4 s
            self.pause(max(asked_for, backoff), backoff)
            left -= 1

    def _once(self, request: Request, url: str, authorization: str) -> Answer:
        headers = {"Accept-Encoding": "identity", "User-Agent": f"attest/{__version__}", **request.headers}
        if authorization:
            headers["Authorization"] = authorization
        response = self._connections.pool(url).request(
            request.method,
            url,
            body=request.body,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=_TIMEOUT,
            preload_content=False,
            decode_content=False,
        )
        try:
            return Answer(response.status, response.headers, _body(response, request.limit, host_of(url)), url)
        finally:
            response.close()
            response.release_conn()  # a pool lends so many connections and no more


def _body(response: urllib3.BaseHTTPResponse, limit: int, where: str) -> bytes:
    """The body as it came; of a refusal no more than is needed to quote it."""
    good = response.status < 300
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if good and encoding not in ("", "identity"):
        raise Unreadable(f"{where}: answers with Content-Encoding {printable(encoding)}", "We asked for plain bytes.")
    most = limit if good else limits.ANSWER
    content = _read(response, most + 1, where)
    if good and len(content) > most:
        raise Unreadable(f"{where}: answers with more than the {most} bytes expected or allowed")
    return content


def _read(response: urllib3.BaseHTTPResponse, most: int, where: str) -> bytes:
    deadline = time.monotonic() + limits.TRANSFER_SECONDS
    content = bytearray()
    while len(content) < most:
        chunk = response.read1(min(_CHUNK, most - len(content)), decode_content=False)
        if not chunk:
            break
        content += chunk
        if time.monotonic() > deadline:
            raise Unreachable(f"{where}: one answer took more than {limits.TRANSFER_SECONDS:.0f} s")
    return bytes(content)


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks us to wait: a number or a date (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "")
    try:
        return max(0.0, Retry().parse_retry_after(value)) if value else 0.0
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
