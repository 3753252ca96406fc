"""HTTP as a registry client needs it: every answer whole and capped, redirects and retries by our own rules.

- Credentials go to the origin that they were asked for by, never along a redirect.
- TLS is left out only towards this machine and hosts that the user named; no answer leads from https to http.
- Redirects of reading are followed, and of writing where there is no body and the method stays (307, 308).
- Reading is tried again where that may help, and so is what may be done twice: writing a manifest under its own digest,
  and opening an upload, since the registry clears away what nobody finishes. Nothing else is: it may have been done.
  Whether a blob arrived is looked up, and a fallback tag is read anew by whoever attaches again. Only where the
  registry says that it did nothing (429) everything is asked again.
- All that is asked of one Transport ends with its time (limits.COMMAND_SECONDS), whatever drips.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator, Mapping
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
from attest.oci.http.patience import time_limit

_READING: Final = frozenset({"GET", "HEAD"})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_MOVED_AS_IT_IS: Final = frozenset({307, 308})
_PASSING: Final = frozenset({429, 502, 503, 504})
_UNDONE: Final = frozenset({429})
_CHUNK: Final = 256 * 1024
_PIECE: Final = 64 * 1024  # of what we send; each must be taken within limits.CONNECT_SECONDS
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
        self._has_own_ca = ca_file is not None
        self._ends = time.monotonic() + limits.COMMAND_SECONDS
        self._connections = Connections(ca_file, environ)
        self._wait = wait

    def address(self, host: str) -> str:
        """`https://HOST`, or http where TLS is left out."""
        return f"{'http' if self.is_plain(host) else 'https'}://{_HUB.get(host, host)}"

    def is_plain(self, host: str) -> bool:
        """Whether TLS is left out towards `HOST[:PORT]`: to this machine unless a CA is named, else where told to."""
        return host in self._insecure_hosts or (is_loopback(host) and not self._has_own_ca)

    def pause(self, seconds: float, spread: float) -> None:
        """Wait so long and up to `spread` seconds more, so that many who failed together do not come back together."""
        self._wait(seconds + _RANDOM.uniform(0, spread))

    def send(self, request: Request, authorization: str = "") -> Answer:
        """Ask, following redirects. Raises Unreachable, Unreadable; no status is an exception."""
        url = request.url
        for _ in range(limits.REDIRECTS + 1):
            answer = self._persistently(request, url, authorization)
            if not _leads_on(request, answer):
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
        left = limits.RETRIES
        is_repeatable = request.repeatable or request.method in _READING
        while True:
            asked_for = 0.0
            try:
                answer = self._once(request, url, authorization)
            except HTTPError as error:
                self._seconds_left(url)
                # Not after a time limit: to wait for it four times would take minutes.
                may_help = is_repeatable and isinstance(error, (ProtocolError, NewConnectionError))
                if not left or not may_help:
                    raise unreachable(url, error) from None
            else:
                asked_for = _retry_after(answer)
                may_help = answer.status in (_PASSING if is_repeatable else _UNDONE)
                if not left or not may_help or asked_for > limits.RETRY_AFTER_SECONDS:
                    return answer
            backoff = 0.8 / 2**left  # 0.1, 0.2 and 0.4 s
            self.pause(max(asked_for, backoff), backoff)
            left -= 1

    def _once(self, request: Request, url: str, authorization: str) -> Answer:
        left = self._seconds_left(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": f"attest/{__version__}", **request.headers}
        if authorization:
            headers["Authorization"] = authorization
        if request.body is not None:
            headers["Content-Length"] = str(len(request.body))
        response = self._connections.pool(url).request(
            request.method,
            url,
            body=self._pieces(request.body, url) if request.body is not None else None,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=min(left, limits.CONNECT_SECONDS), read=min(left, limits.READ_SECONDS)),
            preload_content=False,
            decode_content=False,
        )
        try:
            return Answer(response.status, response.headers, self._body_in_time(response, request.limit, url), url)
        finally:
            response.close()
            response.release_conn()  # a pool lends so many connections and no more

    def _pieces(self, body: bytes, url: str) -> Iterator[bytes]:
        """A socket's time limit holds for all that it is given at once, which would limit an SBOM and not its pace."""
        for start in range(0, len(body), _PIECE):
            self._seconds_left(url)
            yield body[start : start + _PIECE]

    def _body_in_time(self, response: urllib3.BaseHTTPResponse, limit: int, url: str) -> bytes:
        with time_limit(min(self._seconds_left(url), limits.TRANSFER_SECONDS), response.shutdown) as is_over:
            try:
                return _body(response, limit, host_of(url))
            finally:
                if is_over.is_set():
                    self._seconds_left(url)
                    raise Unreachable(f"{host_of(url)}: one answer took more than {limits.TRANSFER_SECONDS:.0f} s")

    def _seconds_left(self, url: str) -> float:
        """How long this command may still ask. Raises Unreachable where its time is over."""
        left = self._ends - time.monotonic()
        if left > 0:
            return left
        raise Unreachable(
            f"{host_of(url)}: took more than {limits.COMMAND_SECONDS:.0f} s for all that was asked",
            "",
            "A registry that is this slow is overloaded, or wants us to wait for ever. Try again later.",
        )


def _leads_on(request: Request, answer: Answer) -> bool:
    """Whether an answer is a redirect to follow; a body goes nowhere but to where it was meant for."""
    if request.method in _READING:
        return answer.status in _MOVED
    return request.body is None and answer.status in _MOVED_AS_IT_IS


def _body(response: urllib3.BaseHTTPResponse, limit: int, where: str) -> bytes:
    """The body as it came; of a refusal no more than is needed to quote it."""
    good = response.status < 300
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if good and encoding not in ("", "identity"):
        raise Unreadable(f"{where}: answers with Content-Encoding {printable(encoding)}", "We asked for plain bytes.")
    most = limit if good else limits.ANSWER
    content = _read(response, most + 1)
    if good and len(content) > most:
        raise Unreadable(f"{where}: answers with more than the {most} bytes expected or allowed")
    return content


def _read(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    content = io.BytesIO()  # what it holds is handed over without a copy
    while (missing := most - content.tell()) > 0:
        chunk = response.read1(min(_CHUNK, missing), decode_content=False)
        if not chunk:
            break
        content.write(chunk)
    return content.getvalue()


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks us to wait: a number or a date (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "")
    try:
        return max(0.0, Retry().parse_retry_after(value)) if value else 0.0
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
