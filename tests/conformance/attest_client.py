"""attest as a client of Sigstore's public conformance suite (sigstore-conformance, docs/cli_protocol.md).

    attest_client.py verify-bundle --bundle FILE (--key FILE | --certificate-identity ID --certificate-oidc-issuer URL)
                                   [--trusted-root FILE] [--staging] [--verify-digest] FILE_OR_DIGEST

It ends with 0 if the bundle was signed over this file by who is expected, with 1 if not, and with 2 if the question
makes no sense.
"""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from pathlib import Path

from attest.errors import AttestError, InvalidReference, UsageError
from attest.evidence.bundle import parse_any_bundle
from attest.reference import Digest
from attest.trust.artifacts import who_signed_artifact
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import ExpectedIdentity, NotVerified
from attest.trust.keys import load_public_key
from attest.trust.signatures import Trust

STAGING = files("sigstore").joinpath("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev", "trusted_root.json")


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["sign-bundle"]:
        print("sign-bundle: not supported", file=sys.stderr)
        return 2
    asked = parser().parse_args(arguments)
    try:
        digest, content = artifact(asked.artifact)
        bundle = parse_any_bundle(asked.bundle.read_bytes(), str(asked.bundle))
        signer = who_signed_artifact(bundle, digest, trust(asked), None if asked.verify_digest else content)
    except (NotVerified, AttestError, OSError) as error:
        print(f"{asked.bundle}: not verified: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(f"{asked.bundle}: signed by {signer.name}", file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify-bundle")
    verify.add_argument("--staging", action="store_true")
    verify.add_argument("--bundle", type=Path, required=True)
    verify.add_argument("--key", type=Path)
    verify.add_argument("--certificate-identity", default="")
    verify.add_argument("--certificate-oidc-issuer", default="")
    verify.add_argument("--trusted-root", type=Path)
    verify.add_argument("--verify-digest", action="store_true")
    verify.add_argument("artifact", metavar="FILE_OR_DIGEST")
    return parser


def artifact(name: str) -> tuple[Digest, bytes | None]:
    """What is a path on disk is a file, whatever it looks like."""
    path = Path(name)
    if path.exists():
        content = path.read_bytes()
        return Digest.of(content), content
    try:
        return Digest.parse(name), None
    except InvalidReference:
        raise UsageError(f"{name}: neither a file nor a digest") from None


def trust(asked: argparse.Namespace) -> Trust:
    path = asked.trusted_root or (Path(str(STAGING)) if asked.staging else None)
    if not asked.key:
        roots = TrustedRoots(path)
        roots.require_usable()
        return Trust((), (ExpectedIdentity(asked.certificate_identity, asked.certificate_oidc_issuer),), roots)
    if asked.certificate_identity or asked.certificate_oidc_issuer:
        raise UsageError("a key or an identity, not both")
    return Trust((load_public_key(str(asked.key), {}),), (), TrustedRoots(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
