"""Addresses of source repositories, in all the shapes people and tools write them, compared canonically.

Canonical is `host[:port]/path`: no scheme, no credentials, no default port, no `.git`, no trailing slash, lower-case
host. The path keeps its case except on hosts that are known to ignore it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_SCP: Final = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!//)(?!\d+/)(.+)")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git+ssh": 22, "git": 9418}
_CASELESS: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org"})


def canonical_repository(address: str) -> str:
    """The canonical form, or "" for what is no repository address (a relative path, a file, nothing)."""
    address = address.strip().removeprefix("git+")
    host, path = _split(address)
    path = re.sub(r"/{2,}", "/", path).strip("/").removesuffix(".git").strip("/")
    if not host or not path or any(part in (".", "..") for part in path.split("/")):
        return ""
    name = host.lower()
    return f"{name}/{path.lower() if name in _CASELESS else path}"


def same_repository(one: str, other: str) -> bool:
    """Whether two addresses name the same repository; what is no address equals nothing."""
    canonical = canonical_repository(one)
    return bool(canonical) and canonical == canonical_repository(other)


def without_credentials(address: str) -> str:
    """The address without userinfo, query and fragment, otherwise as written; scp form keeps its user."""
    if "://" not in address:
        return address.partition("#")[0]
    scheme, _, rest = address.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _split(address: str) -> tuple[str, str]:
    if "://" in address:
        try:
            parts = urlsplit(without_credentials(address))
            port = parts.port
        except ValueError:
            return "", ""
        default = port is None or port == _DEFAULT_PORTS.get(parts.scheme.lower())
        host = parts.hostname or ""
        return (host if default else f"{host}:{port}"), parts.path
    if match := _SCP.fullmatch(address.partition("#")[0]):
        return match[1], match[2]
    host, _, path = address.partition("#")[0].partition("/")
    return (host if "." in host.strip(".") else ""), path
