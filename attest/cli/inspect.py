"""`attest inspect`: everything found, marked as unverified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from attest.cli.main import say
from attest.cli.options import (
    WORST,
    evidence_options,
    parse_platforms,
    platform_option,
    reach,
    read_files,
    store_options,
)
from attest.errors import StoreError, UsageError
from attest.evidence.attestation import Attestation
from attest.oci.document import Json
from attest.oci.interface import Store
from attest.reference import Digest, Platform, parse_reference


@click.command("inspect", short_help="Show everything attached to an image, unverified.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@platform_option
@evidence_options
@click.option("--raw", metavar="DIGEST", help="Print the exact bytes of one manifest, statement, bundle or payload.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@store_options
def command(
    images: tuple[str, ...],
    platforms: tuple[str, ...],
    evidence_files: tuple[Path, ...],
    raw: str | None,
    form: str,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
) -> int:
    """Show what is attached to IMAGE: platforms, provenance, SBOMs, signatures. Nothing of it is verified."""
    references = [parse_reference(image) for image in images]
    wanted = parse_platforms(platforms)
    files = read_files(evidence_files)
    stores = (reach(reference, insecure_registries, registry_ca_file) for reference in references)
    if raw is not None:
        if len(references) > 1 or wanted:
            raise UsageError("--raw is about one image and one digest", "", "Leave the rest out.")
        return _print_raw(next(stores), Digest.parse(raw))
    shown: list[dict[str, Json]] = []
    codes = {0}
    for store in stores:
        try:
            shown.append(_inspect(store, files, wanted))
        except StoreError as error:  # one image that cannot be read does not hide the others
            say(f"attest: {error}")
            codes.add(error.exit_code)
    from attest.cli.inspection_text import render_inspections
    from attest.cli.reports.documents import as_json

    if form == "json" and shown:
        document: Json = shown[0] if len(references) == 1 else list(shown)
        click.echo(as_json(document, indent=2))
    elif shown:
        click.echo(render_inspections(shown), nl=False)
    return next(code for code in WORST if code in codes)


def _inspect(store: Store, files: Sequence[Attestation], wanted: Sequence[Platform]) -> dict[str, Json]:
    from attest.evidence.collect import fetch, with_files
    from attest.evidence.inspection import inspection

    image, evidence = fetch(store)
    if missing := image.lacks(wanted):
        raise missing
    return inspection(image, with_files(image, evidence, files), wanted)


def _print_raw(store: Store, digest: Digest) -> int:
    from attest.evidence.collect import fetch
    from attest.evidence.raw import raw_content

    click.echo(raw_content(store, *fetch(store), digest), nl=False)
    return 0
