"""`attest key`: what people do with keys besides signing and verifying."""

from __future__ import annotations

import os

import click

from attest.cli.options import stated
from attest.trust.passwords import choose_password
from attest.trust.signing.generation import ALGORITHMS, pair_of_files, write_key_pair


@click.group("key", short_help="Make a key pair.")
def command() -> None:
    """Make key pairs; docs/keys.md tells which keys attest reads."""


@command.command("generate", short_help="Make a key pair as cosign has them.")
@click.option(
    "--output-key-prefix",
    "prefix",
    metavar="PREFIX",
    default="attest",
    show_default=True,
    callback=stated,
    help="Write PREFIX.key and PREFIX.pub.",
)
@click.option(
    "--algorithm", type=click.Choice(ALGORITHMS), default=ALGORITHMS[0], show_default=True, help="What key to make."
)
def generate(prefix: str, algorithm: str) -> int:
    """Make a private key, encrypted as cosign does it, and its public key.

    The password comes from ATTEST_PASSWORD or COSIGN_PASSWORD, else you are asked for it twice. Nothing is overwritten.
    """
    private, public = pair_of_files(prefix)
    password = choose_password(str(private), os.environ)
    write_key_pair(private, public, algorithm, password)
    click.echo(f"{private}\n{public}")
    if not password:
        click.echo(f"attest: note: the password is empty: whoever reads {private} can sign with it", err=True)
    return 0
