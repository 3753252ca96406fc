"""Connections: by which way, with TLS or without, and whose certificates are believed."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from attest.errors import Unreachable, Unreadable, UsageError
from attest.oci import limits
from attest.oci.http.answer import printable
from attest.oci.http.patience import POOLS

_PORTS: Final = {"https": 443, "http": 80}
# The first that fits, so subclasses stand before their bases.
_REASONS: Final[tuple[tuple[type[HTTPError], str], ...]] = (
    (NameResolutionError, "its name does not resolve"),
    (NewConnectionError, "no connection: refused, or no way there"),
    (ConnectTimeoutError, f"no connection within {limits.CONNECT_SECONDS:.0f} s"),
    (ReadTimeoutError, f"no answer for {limits.READ_SECONDS:.0f} s"),
    (ProxyError, "the proxy does not let us through"),
    (ProtocolError, "the connection broke"),
)


class Connections:
    """Pools of connections that are kept open, one for each way out. May be used by several threads."""

    def __init__(self, ca_file: Path | None, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._trust = _trust_in(ca_file) if ca_file is not None else None
        self._pools: dict[tuple[str, str], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def pool(self, url: str) -> urllib3.PoolManager:
        """The pool for this address."""
        parts = split(url)
        key = (parts.scheme, self._proxy(parts))
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._open(*key)
            return self._pools[key]

    def _open(self, scheme: str, proxy: str) -> urllib3.PoolManager:
        trust = self._trust or _systems_trust() if scheme == "https" else None  # reading the CAs takes 20 ms
        manager = urllib3.PoolManager(maxsize=limits.PARALLEL, block=True, ssl_context=trust)
        if proxy:
            userinfo = unquote(split(proxy).netloc.rpartition("@")[0])
            headers = urllib3.make_headers(proxy_basic_auth=userinfo) if userinfo else None
            manager = urllib3.ProxyManager(
                proxy, proxy_headers=headers, maxsize=limits.PARALLEL, block=True, ssl_context=trust
            )
        manager.pool_classes_by_scheme = POOLS
        return manager

    def _proxy(self, parts: SplitResult) -> str:
        """The proxy that the environment names for this address, as curl and Go's programs read it."""
        host = parts.netloc.rpartition("@")[2]
        exempt = self._environ.get("no_proxy") or self._environ.get("NO_PROXY") or ""
        if is_loopback(host) or any(_is_exempt(host, entry.strip().lower()) for entry in exempt.split(",")):
            return ""
        name = f"{parts.scheme}_proxy"
        proxy = self._environ.get(name) or self._environ.get(name.upper()) or ""
        return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def split(url: str) -> SplitResult:
    """The parts of an address. Raises Unreadable for none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Unreadable(f"{printable(url)!r}: not an address") from None
    return parts


def host_of(url: str) -> str:
    """`HOST[:PORT]`, for comparing and for messages: the rest of an address may hold a signature that opens a door."""
    return printable(split(url).netloc.rpartition("@")[2])


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what credentials belong to."""
    parts = split(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def is_loopback(host: str) -> bool:
    """Whether `HOST[:PORT]` is this machine."""
    name = split(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def unreachable(url: str, error: HTTPError) -> Unreachable:
    """What to say of a connection that failed; urllib3's own words may hold the whole address."""
    host = host_of(url)
    if isinstance(error, SSLError):
        remedy = "Is its certificate from a CA of your own? Name the CA's file. Does it speak plain HTTP? Say so."
        return Unreachable(f"{host}: no TLS connection", f"{printable(str(error))}.", remedy)
    reason = next((words for kind, words in _REASONS if isinstance(error, kind)), "the request failed")
    return Unreachable(f"{host}: {reason}", "", "Check the name, the network and HTTPS_PROXY/NO_PROXY.")


def _is_exempt(host: str, entry: str) -> bool:
    """Whether an entry of NO_PROXY names `HOST[:PORT]`: itself, a domain above it, its network, or everything."""
    name = split(f"//{host}").hostname or ""
    domain = entry.removeprefix("*").removeprefix(".")
    if entry == "*" or entry == host.lower() or (domain and f".{name}".endswith(f".{domain}")):
        return True
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _trust_in(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # covers ssl.SSLError
        raise UsageError(f"{ca_file}: not a file of CA certificates (PEM)", f"{error.strerror}.") from None


def _systems_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not (paths.capath and any(Path(paths.capath).iterdir())):
        import certifi  # slim container images have no CAs of their own

        context.load_verify_locations(certifi.where())
    return context
