"""Who signs, as build and sign are told: a key, or the identity of this job or person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from attest.cli.main import plain
from attest.cli.options import stated
from attest.errors import UsageError
from attest.reference import Digest

if TYPE_CHECKING:
    from attest.trust.keys import PublicKey, SigningKey
    from attest.trust.signing.identity_token import IdentityToken
    from attest.trust.signing.sigstore_instance import Instance
    from attest.trust.signing.statements import Signer

_NO_LOG: Final = "--keyless is worth nothing without a log; leave out --tlog-upload=false"

F = TypeVar("F", bound=Callable[..., Any])
SignerFor = Callable[[Sequence[Digest]], "SigningKey | Signer"]

_NO_KEYLESS: Final = "--identity-token says how to sign without a key: it needs --keyless"
_NO_INSTANCE: Final = "--trust-config says which Sigstore to tell: it needs --keyless or --tlog-upload"


def signing_options(command: F) -> F:
    """How to sign. Only the key has an environment variable: the others decide where an identity is made public."""
    path = click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option(
            "--key",
            metavar="FILE",
            envvar="ATTEST_KEY",
            callback=stated,
            help="Private key to sign with; env://NAME reads a variable.",
        ),
        click.option(
            "--keyless",
            is_flag=True,
            help="Sign with a certificate for the identity of this job or person; it becomes public.",
        ),
        click.option(
            "--identity-token",
            metavar="FILE",
            callback=stated,
            help="Read the identity token from this file (- is standard input), not from the CI or a browser.",
        ),
        click.option(
            "--trust-config",
            metavar="FILE",
            type=path,
            help="Sign with your own Sigstore (its client trust configuration), not with the public one.",
        ),
        click.option(
            "--tlog-upload",
            type=bool,
            is_flag=False,
            flag_value=True,
            help="Also write the key's signatures to a transparency log, where they stay.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def signer_for(
    key: str | None,
    keyless: bool,
    identity_token: str | None,
    trust_config: Path | None,
    tlog_upload: bool | None,
) -> SignerFor | None:
    """What signs images with these digests; None without --key and --keyless. All that can be refused is refused now.

    Raises UsageError, InvalidKey, InvalidToken, Unreachable.
    """
    if key is not None and keyless:
        raise UsageError("--key (or ATTEST_KEY) and --keyless exclude each other")
    if identity_token is not None and not keyless:
        raise UsageError(_NO_KEYLESS)
    if trust_config is not None and not (keyless or tlog_upload):
        raise UsageError(_NO_INSTANCE)
    if keyless and tlog_upload is False:
        raise UsageError(_NO_LOG)
    if keyless:
        return _keyless(identity_token, trust_config)
    if key is None:
        if tlog_upload:
            raise UsageError("--tlog-upload says what to do with a key's signatures: it needs --key")
        return None
    from attest.trust.keys import load_signing_key

    signing_key = load_signing_key(key, os.environ)
    return _logged(signing_key, trust_config) if tlog_upload else lambda _: signing_key


def _logged(key: SigningKey, trust_config: Path | None) -> SignerFor:
    from attest.trust.patience import PATIENCE
    from attest.trust.signing.key_log import LoggedKeySigner, require_loggable
    from attest.trust.signing.sigstore_instance import load_instance

    instance = load_instance(trust_config, PATIENCE)
    require_loggable(key, instance)
    return lambda digests: LoggedKeySigner(key, instance, lambda public: _say(instance, digests, _key_facts(public)))


def _keyless(identity_token: str | None, trust_config: Path | None) -> SignerFor:
    from attest.trust.patience import PATIENCE
    from attest.trust.signing.identity_token import find_token
    from attest.trust.signing.keyless import KeylessSigner
    from attest.trust.signing.sigstore_instance import load_instance

    is_person = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")
    ask = find_token(os.environ, identity_token, is_person=is_person)
    instance = load_instance(trust_config, PATIENCE)  # may ask a server, which is for nothing without a token
    return lambda digests: KeylessSigner(instance, ask, lambda token: _say(instance, digests, _token_facts(token)))


def _token_facts(token: IdentityToken) -> str:
    return "; ".join((f"{token.identity} (vouched for by {token.issuer})", ", ".join(token.facts))).removesuffix("; ")


def _key_facts(key: PublicKey) -> str:
    return f"the public key of {key.name} ({key.fingerprint})"


def _say(instance: Instance, digests: Sequence[Digest], facts: str) -> None:
    """Once, before the first service hears of it: what is in a log stays there."""
    log = f"the {'public ' if instance.is_public else ''}log {instance.log}"
    about = ", ".join(map(str, digests))
    said = f"signing tells {log} for ever: {facts}; a hash of each statement about {about}"
    click.echo(f"attest: {plain(said)}", err=True)
