"""The door for files: who signed the bundle of a file that is known by its digest, or why nobody who is believed did.

A statement must name the file among its subjects; a signature over the file must hold over it. Images have their own
door (attest.trust.authentication), which a signature over a file never opens.
"""

from __future__ import annotations

from dataclasses import replace

from attest.errors import MalformedStatement, TooLarge
from attest.evidence.attestation import Attestation
from attest.evidence.bundle import Bundle, MessageSignature
from attest.evidence.statement import parse_statement
from attest.reference import Digest
from attest.trust.certified.bundle_proof import signed_in
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey
from attest.trust.signatures import Refusal, Signer, Trust, Why, by_certificate, by_key, who_signed


def who_signed_artifact(bundle: Bundle, digest: Digest, trust: Trust, content: bytes | None = None) -> Signer:
    """The accepted key or identity that signed this file. Raises NotVerified.

    `content` is the file itself: what Ed25519 signs cannot be checked by a digest, and some others sign another hash.
    """
    if content is not None and not digest.matches(content):
        raise NotVerified(f"the file is not {digest}")
    if bundle.message is not None:
        _require_same_file(bundle.message, digest, content)
        bundle = replace(bundle, message=MessageSignature(bundle.message.signature, digest, content))
    found = _of_statement(bundle, digest, trust) if bundle.message is None else _of_file(bundle, trust)
    if isinstance(found, Refusal | Why):
        raise NotVerified(found.message, found.hint)
    if isinstance(found, PublicKey) and trust.roots is not None:
        # A key is good without log entry and timestamp, but those that are there must hold.
        trust.roots.time_of(bundle, found)
    return found


def _of_statement(bundle: Bundle, digest: Digest, trust: Trust) -> Signer | Refusal:
    """An envelope whose statement names the file."""
    try:
        statement = parse_statement(bundle.envelope.payload, "what was signed")
    except (MalformedStatement, TooLarge) as error:
        raise NotVerified(str(error)) from None
    if not any(subject.digests.get(digest.algorithm) == digest.hex for subject in statement.subjects):
        named = ", ".join(f"{name}:{value}" for one in statement.subjects for name, value in one.digests.items())
        raise NotVerified(f"a statement about {named[:300] or 'nothing'}, not about {digest}")
    attestation = Attestation(Digest.of(bundle.raw), len(bundle.raw), statement, bundle, ())
    return who_signed(attestation, bundle, trust)


def _of_file(bundle: Bundle, trust: Trust) -> Signer | Why:
    """A signature over the file, which is known by what the caller says, never by what the bundle says of it."""
    signed = signed_in(bundle, b"")
    holding = [key for key in trust.keys if signed.made_by(key)]
    if holding:
        return by_key(holding, trust, lambda roots, key: roots.time_of(bundle, key))
    if trust.identities and bundle.certificate is not None:
        return by_certificate(trust, lambda roots: roots.signer_of(bundle))
    by = "with a certificate" if bundle.certificate is not None else "with another key"
    raise NotVerified(f"signed {by}, or over another file (some keys need the file, not its digest)")


def _require_same_file(message: MessageSignature, digest: Digest, content: bytes | None) -> None:
    named = message.digest
    if named is None or named == digest:
        return
    if content is None or named.algorithm == digest.algorithm or not named.matches(content):
        raise NotVerified(f"a signature over a file that is {named}, not {digest}")
