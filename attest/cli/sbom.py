"""`attest sbom`: what is in an image, as CycloneDX."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.options import output_option, parse_platforms, platform_option, reach, store_options, write_output
from attest.errors import UsageError
from attest.reference import parse_reference


@click.command("sbom", short_help="Write an image's SBOM as CycloneDX.")
@click.argument("image", metavar="IMAGE")
@platform_option
@output_option
@store_options
def command(
    image: str,
    platforms: tuple[str, ...],
    output: Path | None,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
) -> int:
    """Write the SBOM of IMAGE as CycloneDX 1.6 JSON.

    It is made from the SPDX document that BuildKit attached; without one, from what the provenance proves, and then it
    says that the packages inside are not known. Nothing of it is verified: see attest verify.
    """
    reference = parse_reference(image)
    wanted = parse_platforms(platforms)
    from attest.evidence.collect import fetch, require_readable
    from attest.holding import embedded_for
    from attest.publishing import sbom_of

    store = reach(reference, insecure_registries, registry_ca_file)
    loaded, evidence = fetch(store)
    if missing := loaded.lacks(wanted):
        raise missing
    selected = loaded.select(wanted)
    if len(selected) != 1:
        has = ", ".join(str(platform.platform) for platform in selected)
        raise UsageError(f"{reference}: an SBOM is about one platform, the image has {has}", "", "Add --platform.")
    require_readable(evidence)
    made = sbom_of(loaded, embedded_for(loaded, evidence, selected[0]))
    write_output(output, made.sbom.content + b"\n")
    click.echo(f"attest: {made}; unverified", err=True)
    for kind, count in made.sbom.lost.items():
        click.echo(f"attest: note: not carried over: {kind} ({count})", err=True)
    return 0
