"""`attest inspect`: everything found, marked as unverified."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.main import say
from attest.cli.options import reach, store_options
from attest.errors import StoreError
from attest.oci.document import Json
from attest.reference import ImageReference, parse_reference


@click.command("inspect", short_help="Show everything attached to an image, unverified.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@store_options
def command(
    images: tuple[str, ...], form: str, insecure_registries: tuple[str, ...], registry_ca_file: Path | None
) -> int:
    """Show what is attached to IMAGE: platforms, provenance, SBOMs, signatures. Nothing of it is verified."""
    references = [parse_reference(image) for image in images]
    shown: list[dict[str, Json]] = []
    exit_code = 0
    for reference in references:
        try:
            shown.append(_inspect(reference, insecure_registries, registry_ca_file))
        except StoreError as error:  # one image that cannot be read does not hide the others
            say(f"attest: {error}")
            exit_code = exit_code or error.exit_code
    from attest.cli.rendering import as_json, render_inspections

    if form == "json" and shown:
        document: Json = shown[0] if len(references) == 1 else list(shown)
        click.echo(as_json(document, indent=2))
    elif shown:
        click.echo(render_inspections(shown), nl=False)
    return exit_code


def _inspect(reference: ImageReference, insecure: tuple[str, ...], ca_file: Path | None) -> dict[str, Json]:
    from attest.evidence.collect import fetch
    from attest.evidence.inspection import inspection

    store = reach(reference, insecure, ca_file)
    return inspection(*fetch(store))
