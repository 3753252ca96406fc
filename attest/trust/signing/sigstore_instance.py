"""A Sigstore instance to sign with: its certificate authority, its log and its timestamps, each asked with patience.

sigstore's clients have no time limits. Each is wrapped here, so that a service that fails is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attest.errors import Unreachable, UsageError
from attest.oci.http.answer import printable
from attest.oci.http.connections import host_of, is_loopback
from attest.trust.patience import Patience
from attest.trust.signing.identity_token import IdentityToken
from attest.trust.sigstore_border import sigstore_border, writable_cache

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig, TransparencyLogEntry, TrustedRoot
    from sigstore.sign import Signer

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
    def trusted_root_json(self) -> bytes:
        """The same, as the document that it was."""
        return self.trusted_root._inner.to_json().encode()  # noqa: SLF001 - it has no public name

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

        with sigstore_border(f"the transparency log {self.log}"):
            # Its public verifier takes whole bundles alone, and none with a key.
            entry._verify(self.trusted_root.rekor_keyring(KeyringPurpose.VERIFY))  # noqa: SLF001

    def timestamp(self, signature: bytes, patience: Patience) -> list[bytes]:
        """What each of the timestamp authorities says of this signature. Raises StoreError."""
        clients = (_Timestamps(client, patience) for client in self.config.signing_config.get_tsas())
        return [client.request_timestamp(signature).as_bytes() for client in clients]

    def log_in(self) -> str:
        """Ask a person at a browser who they are. Raises IdentityRefused, Unreachable."""
        from sigstore.oidc import Issuer, IssuerError

        with sigstore_border("the identity provider"):
            url = self.config.signing_config.get_oidc_url()
        with sigstore_border(f"the identity provider {url}"):
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
        with sigstore_border(authority.where, token):
            signer = patience.persistently(lambda: Signer(SigstoreToken(token.raw), context))
        return signer, authority.certificate.public_bytes(Encoding.DER)

    def sign(self, signer: Signer, statement: bytes) -> bytes:
        """A bundle over exactly these bytes, as it will be stored. Raises StoreError."""
        from sigstore.dsse import Statement

        with sigstore_border("signing"):
            return signer.sign_dsse(Statement(statement)).to_json().encode()


def load_instance(path: Path | None, patience: Patience) -> Instance:
    """The instance that a file describes, or the public one as its update framework (TUF) has it today.

    Raises UsageError, Unreachable, NotWritable.
    """
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig

    if path is None:
        where = "the public Sigstore's update repository"
        with sigstore_border(where), writable_cache():
            return Instance(patience.within(where, ClientTrustConfig.production), is_public=True)
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
        with sigstore_border(self.where, self._token):
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
