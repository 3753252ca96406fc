"""What credentials look like in a text. Every function takes time in proportion to the text, whatever is in it:
repetitions are possessive, and a run of token characters is looked at from its beginning only.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_WORD_OR_BASE64: Final = _WORD | frozenset("+/")

# Prefix, what follows it, what may not stand before it, and what people call it.
_TOKENS: Final = (
    *(
        (prefix, re.compile(r"[A-Za-z0-9_.-]{16,}+"), _WORD, "a GitLab token")
        for prefix in ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "gloas-", "glagent-")
    ),
    *(
        (prefix, re.compile(r"[A-Za-z0-9_]{30,}+"), _WORD, "a GitHub token")
        for prefix in ("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_")
    ),
    *(
        (
            prefix,
            re.compile(r"(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}(?![A-Za-z0-9+/=_-])"),
            _WORD_OR_BASE64,
            "an AWS access key",
        )
        for prefix in ("AKIA", "ASIA")
    ),
    *(
        (prefix, re.compile(r"[A-Za-z0-9-]{10,}+"), _WORD, "a Slack token")
        for prefix in ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-")
    ),
    ("eyJ", re.compile(r"[\w-]{5,}+\.[\w-]{5,}+\.[\w-]{5,}+", re.ASCII), _WORD, "a JSON web token"),
    ("-----BEGIN ", re.compile(r"[A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"), frozenset(), "a private key"),
    ("npm_", re.compile(r"[A-Za-z0-9]{30,}+"), _WORD, "an npm token"),
    ("pypi-", re.compile(r"AgE[A-Za-z0-9_-]{13,}+"), _WORD, "a PyPI token"),
    ("hf_", re.compile(r"[A-Za-z0-9]{30,}+"), _WORD, "a Hugging Face token"),
    ("dckr_pat_", re.compile(r"[A-Za-z0-9_-]{20,}+"), _WORD, "a Docker Hub token"),
    ("hvs.", re.compile(r"[A-Za-z0-9_-]{24,}+"), _WORD, "a Vault token"),
)
_BLANKED: Final = re.compile(r"[xX*.0_-]+")

# The password may hold an unquoted @; `docker-image://alpine:3@sha256:…` is a name and a tag.
_USERINFO: Final = re.compile(r"://[^\s/?#@:\"'<>]*+:([^\s/?#\"'<>]+)@(?!sha(?:256|512):)")
# BuildKit masks with xxxxx; CI logs with stars or [MASKED]; a variable is no value.
_MASKED: Final = re.compile(r"x+|\*+|\[?(?:MASKED|REDACTED)\]?|\$.*|%\(.*|%[sv]|\{.*", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{0,253}")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64,}+={0,2}")


def passwords_in_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of `://user:password@`."""
    for match in _USERINFO.finditer(text):
        if not _MASKED.fullmatch(match[1]):
            yield match.span()


def host_of(text: str, position: int) -> str:
    """The host that begins here."""
    match = _HOST.match(text, position)
    return match[0] if match else ""


def tokens(text: str) -> Iterator[tuple[str, int]]:
    """Kind and position of everything that has the shape of a token or private key."""
    for prefix, rest, forbidden_before, kind in _TOKENS:
        position = text.find(prefix)
        while position >= 0:
            after = position + len(prefix)
            if position == 0 or text[position - 1] not in forbidden_before:
                match = rest.match(text, after)
                if match is not None:
                    if not _BLANKED.fullmatch(match[0]):
                        yield kind, position
                    after = match.end()
            position = text.find(prefix, after)


def embedded_texts(text: str) -> Iterator[str]:
    """The texts that stand in `text` as Base64."""
    for match in _BASE64.finditer(text):
        try:
            yield binascii.a2b_base64(match[0], strict_mode=True).decode("utf-8")
        except ValueError:  # a digest, a certificate, anything but text
            continue
