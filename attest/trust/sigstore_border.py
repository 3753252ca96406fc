"""Where sigstore's exceptions and those of what it uses end: each becomes one of attest's errors.

The message names the service and says what the server said, which sigstore loses; the token is never in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attest.errors import AttestError, NotWritable, Unreachable, Unreadable
from attest.oci.http.answer import printable
from attest.trust.signing.identity_token import IdentityRefused, IdentityToken

_REFUSED: Final = frozenset({400, 401, 403})
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


@contextmanager
def writable_cache() -> Iterator[None]:
    """Around what sigstore's library keeps in the user's folders. Raises NotWritable."""
    from sigstore.errors import TUFError

    try:
        yield
    except TUFError as error:
        if isinstance(error.__cause__, OSError):  # of the folder: what its requests raise is none
            raise _not_writable(error.__cause__) from None
        raise
    except OSError as error:
        raise _not_writable(error) from None


def _not_writable(error: OSError) -> NotWritable:
    remedy = "Set XDG_DATA_HOME and XDG_CACHE_HOME to folders that can be written to."
    return NotWritable(f"{error.filename}: cannot write: {error.strerror}", "", remedy)


@contextmanager
def sigstore_border(where: str, token: IdentityToken | None = None) -> Iterator[None]:
    """Around whatever asks the service `where`. Raises IdentityRefused, Unreachable, Unreadable."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import ExtensionNotFound
    from sigstore._internal.fulcio.client import ExpiredCertificate, FulcioClientError  # these have no public name
    from sigstore._internal.rekor import RekorClientError
    from sigstore._internal.timestamp import TimestampError
    from sigstore.errors import Error, NetworkError, TUFError
    from sigstore.oidc import ExpiredIdentity, IdentityError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (ExpiredIdentity, IdentityError) as error:
        raise IdentityRefused(f"{where}: the identity token is not accepted", _words(error, token)) from None
    except ExpiredCertificate:
        raise Unreachable(f"{where}: the certificate ran out before everything was signed", "", "Sign again.") from None
    except (FulcioClientError, RekorClientError, TimestampError) as error:
        raise _of_answer(where, error, token) from None
    except (NetworkError, TUFError, HTTPError) as error:  # the last is of a file that broke off
        raise Unreachable(f"{where}: no usable answer", _words(error.__cause__ or error, token), _NETWORK) from None
    except (
        Error,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        UnsupportedAlgorithm,
        ExtensionNotFound,
    ) as error:
        raise _unreadable(where, error, token) from None
    except OSError as error:  # every exception of requests is one
        raise Unreachable(f"{where}: no connection", _words(error, token), _NETWORK) from None


_NETWORK: Final = "Behind a proxy HTTPS_PROXY must be set; an authority of your own goes into REQUESTS_CA_BUNDLE."


def _of_answer(where: str, error: Exception, token: IdentityToken | None) -> AttestError:
    """What the status of an answer means; requests' exception is what sigstore's arose from."""
    cause: Any = error.__context__
    answer = getattr(cause, "response", None)
    if answer is None:
        unreachable = isinstance(cause, OSError)
        return Unreachable(f"{where}: no connection", "", _NETWORK) if unreachable else _unreadable(where, error, token)
    said = _without_token(_message(answer.content), token)
    status = f"HTTP {answer.status_code}{': ' if said else ''}{said}"
    if token is not None and answer.status_code in _REFUSED:
        return IdentityRefused(f"{where}: does not accept the identity token of {token.issuer}", status, _ISSUERS)
    if answer.status_code in _PASSING:
        return Unreachable(f"{where}: no usable answer", status, "Try again later.")
    return Unreadable(f"{where}: an answer that cannot be used", status)


_ISSUERS: Final = (
    "The public instance knows gitlab.com and GitHub, and few others: a GitLab of your own needs a Sigstore of its own "
    "(--trust-config) or a key (--key)."
)


def _unreadable(where: str, error: Exception, token: IdentityToken | None) -> Unreadable:
    return Unreadable(f"{where}: an answer that cannot be used; nothing was attached", _words(error, token))


def _message(content: bytes) -> str:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    return printable(str(document.get("message", ""))) if isinstance(document, dict) else ""


def _words(error: BaseException, token: IdentityToken | None) -> str:
    return _without_token(printable(str(error).replace("\n", " ") or type(error).__name__), token)


def _without_token(said: str, token: IdentityToken | None) -> str:
    """A server that repeats what it was sent must not get it into a job's log, not even the beginning of it."""
    is_repeated = token is not None and any(part[:20] in said for part in token.raw.split("."))
    return "(it repeats the identity token)" if is_repeated else said
