"""A Sigstore instance to sign with: its certificate authority, its log and its timestamps, each asked with patience.

sigstore's clients have no time limits, and lose what a server says. Each is wrapped here, so that whatever goes wrong
becomes one of attest's errors, names the service, and never holds the token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attest.errors import AttestError, NotWritable, Unreachable, Unreadable, UsageError
from attest.oci.http.answer import printable
from attest.oci.http.connections import host_of, is_loopback
from attest.trust.identity_token import IdentityRefused, IdentityToken
from attest.trust.patience import Patience

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig, TransparencyLogEntry, TrustedRoot
    from sigstore.sign import Signer

_REFUSED: Final = frozenset({400, 401, 403})
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_MOST: Final = 4 * 1024 * 1024  # bytes of a trust configuration; the public instance's is 10 KiB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Instance:
    """The public instance, or the one that a client trust configuration describes."""

    config: ClientTrustConfig
    is_public: bool

    @property
    def log(self) -> str:
        """The address of the log that signatures are written to."""
        client: Any = self.config.signing_config.get_tlogs()[0]
        return str(client.url).partition("/api/")[0]

    @property
    def trusted_root(self) -> TrustedRoot:
        """What its signatures are checked against."""
        return self.config.trusted_root

    @property
    def log_version(self) -> int:
        """1 or 2."""
        client: Any = self.config.signing_config.get_tlogs()[0]
        return 2 if str(client.url).endswith("/api/v2") else 1

    def log_entry(self, request: Mapping[str, Any], patience: Patience) -> TransparencyLogEntry:
        """Add an entry to the log. Raises StoreError."""
        entry: TransparencyLogEntry = _Log(self.config.signing_config.get_tlogs()[0], patience).create_entry(request)
        return entry

    def verify_entry(self, entry: TransparencyLogEntry) -> None:
        """Whether the log's proof and promise hold. Raises Unreadable."""
        from sigstore._internal.trust import KeyringPurpose

        with _border(f"the transparency log {self.log}"):
            entry._verify(self.trusted_root.rekor_keyring(KeyringPurpose.VERIFY))  # noqa: SLF001 - only whole bundles can be verified publicly

    def timestamp(self, signature: bytes, patience: Patience) -> list[bytes]:
        """What each of the timestamp authorities says of this signature. Raises StoreError."""
        clients = (_Timestamps(client, patience) for client in self.config.signing_config.get_tsas())
        return [client.request_timestamp(signature).as_bytes() for client in clients]

    def log_in(self) -> str:
        """Ask a person at a browser who they are. Raises IdentityRefused, Unreachable."""
        from sigstore.oidc import Issuer, IssuerError

        url = self.config.signing_config.get_oidc_url()
        with _border(f"the identity provider {url}"):
            try:
                return str(Issuer(url).identity_token())
            except IssuerError:
                raise Unreachable(f"the identity provider {url} does not answer as one") from None

    def certify(self, token: IdentityToken, patience: Patience) -> tuple[Signer, bytes]:
        """A signer with one certificate for this token, and the certificate in DER. Raises StoreError."""
        from cryptography.hazmat.primitives.serialization import Encoding
        from sigstore.oidc import IdentityToken as SigstoreToken
        from sigstore.sign import Signer, SigningContext

        services = self.config.signing_config
        authority = _Authority(services.get_fulcio(), patience, token)
        # These are duck-typed on purpose: sigstore's own abstract classes are private.
        clients: dict[str, Any] = {
            "fulcio": authority,
            "rekor": _Log(services.get_tlogs()[0], patience),
            "tsa_clients": [_Timestamps(client, patience) for client in services.get_tsas()],
        }
        context = SigningContext(trusted_root=self.trusted_root, **clients)
        with _border(authority.where, token):
            signer = patience.persistently(lambda: Signer(SigstoreToken(token.raw), context))
        return signer, authority.certificate.public_bytes(Encoding.DER)

    def sign(self, signer: Signer, statement: bytes) -> bytes:
        """A bundle over exactly these bytes, as it will be stored. Raises StoreError."""
        from sigstore.dsse import Statement

        with _border("signing"):
            return signer.sign_dsse(Statement(statement)).to_json().encode()


def load_instance(path: Path | None, patience: Patience) -> Instance:
    """The instance that a file describes, or the public one as its update framework (TUF) has it today.

    Raises UsageError, Unreachable, NotWritable.
    """
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig

    if path is None:
        where = "the public Sigstore's update repository"
        with _border(where):
            try:
                return Instance(patience.within(where, ClientTrustConfig.production), is_public=True)
            except OSError as error:  # what its requests raise has become a TUFError
                remedy = "Set XDG_DATA_HOME and XDG_CACHE_HOME to folders that can be written to."
                raise NotWritable(f"{error.filename}: cannot write: {error.strerror}", "", remedy) from None
    try:
        with path.open("rb") as file:
            instance = Instance(ClientTrustConfig.from_json(file.read(_MOST).decode()), is_public=False)
        _ = instance.trusted_root, instance.log
        authority = instance.config.signing_config.get_fulcio().url
    except OSError as error:
        raise UsageError(f"--trust-config {path}: cannot read it: {error.strerror}") from None
    except (Error, ValueError) as error:  # pydantic's errors are ValueErrors
        why = printable(str(error).replace("\n", " "))
        remedy = "Expected JSON of type application/vnd.dev.sigstore.clienttrustconfig.v0.1+json."
        raise UsageError(f"--trust-config {path}: not a client trust configuration", why, remedy) from None
    if not authority.startswith("https://") and not is_loopback(host_of(authority)):
        raise UsageError(f"--trust-config {path}: {authority}: would get the identity token in the clear")
    return instance


class _Service:
    """A client of sigstore's, with patience around what it asks."""

    def __init__(self, kind: str, client: Any, patience: Patience, token: IdentityToken | None = None) -> None:
        self.where = f"{kind} {client.url}"
        self._client = client
        self._patience = patience
        self._token = token

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _ask(self, call: Callable[[], T]) -> T:
        with _border(self.where, self._token):
            return self._patience.within(self.where, call)


class _Authority(_Service):
    """Fulcio; `certificate` is the last that it issued."""

    certificate: Any

    def __init__(self, client: Any, patience: Patience, token: IdentityToken) -> None:
        super().__init__("the certificate authority", client, patience, token)

    @property
    def signing_cert(self) -> _Authority:
        return self

    def post(self, request: Any, token: Any) -> Any:
        answer = self._ask(lambda: self._client.signing_cert.post(request, token))
        self.certificate = answer.cert
        return answer


class _Log(_Service):
    """Rekor, of either version."""

    def __init__(self, client: Any, patience: Patience) -> None:
        super().__init__("the transparency log", client, patience)

    def create_entry(self, request: Any) -> Any:
        return self._ask(lambda: self._client.create_entry(request))


class _Timestamps(_Service):
    """A timestamp authority. A dead one is only a warning to sigstore, and the time would be missing for ever."""

    def __init__(self, client: Any, patience: Patience) -> None:
        super().__init__("the timestamp authority", client, patience)

    def request_timestamp(self, signature: bytes) -> Any:
        return self._ask(lambda: self._client.request_timestamp(signature))


@contextmanager
def _border(where: str, token: IdentityToken | None = None) -> Iterator[None]:
    """Where foreign exceptions end; what a server said is quoted, unless the token is in it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import ExtensionNotFound
    from sigstore._internal.fulcio.client import ExpiredCertificate, FulcioClientError  # these have no public name
    from sigstore._internal.rekor import RekorClientError
    from sigstore._internal.timestamp import TimestampError
    from sigstore.errors import Error, NetworkError, TUFError
    from sigstore.oidc import ExpiredIdentity, IdentityError

    try:
        yield
    except (ExpiredIdentity, IdentityError) as error:
        raise IdentityRefused(f"{where}: the identity token is not accepted", _words(error, token)) from None
    except ExpiredCertificate:
        raise Unreachable(f"{where}: the certificate ran out before everything was signed", "", "Sign again.") from None
    except (FulcioClientError, RekorClientError, TimestampError) as error:
        raise _of_answer(where, error, token) from None
    except (NetworkError, TUFError) as error:
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
