"""`attest verify`: flags become values, one call answers, one value is shown."""

from __future__ import annotations

import os
from pathlib import Path

import click

from attest.cli.options import (
    WORST,
    evidence_options,
    identity_options,
    parse_identities,
    parse_platforms,
    platform_option,
    reach,
    read_files,
    source_options,
    stated,
    store_options,
)
from attest.policy.expectations import Expectations
from attest.reference import parse_reference


@click.command("verify", short_help="Check an image against the expected source.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "--key",
    "keys",
    metavar="FILE",
    multiple=True,
    callback=stated,
    help="A public key whose holder you believe (repeatable).",
)
@identity_options
@source_options
@click.option("--signature-only", is_flag=True, help="Ask for a signature over the image and nothing of its source.")
@platform_option
@evidence_options
@click.option("--format", "form", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True)
@store_options
def command(
    images: tuple[str, ...],
    keys: tuple[str, ...],
    certificate_identity: str | None,
    certificate_identity_regexp: str | None,
    certificate_oidc_issuer: str | None,
    trusted_root: Path | None,
    source_repository: str,
    source_commit: str,
    source_tag: str,
    source_branch: str,
    signature_only: bool,
    platforms: tuple[str, ...],
    evidence_files: tuple[Path, ...],
    form: str,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
) -> int:
    """Check that IMAGE was built from the expected source, and say who vouches for it.

    IMAGE is HOST/REPOSITORY[:TAG][@DIGEST] or oci-layout:PATH[:TAG|@DIGEST]. Nothing passes by default: say whom you
    believe (--key, or --certificate-identity with its issuer) and what you expect (--source-…, or --signature-only).
    """
    references = [parse_reference(image) for image in images]
    expected = Expectations(
        source_repository, source_commit, source_tag, source_branch, signature_only, parse_platforms(platforms)
    )
    from attest.cli.rendering import render_reports, show_trouble
    from attest.trust.certificates import TrustedRoots
    from attest.trust.keys import load_public_key
    from attest.trust.signatures import Trust
    from attest.verification import verify_reference

    identities = parse_identities(certificate_identity, certificate_identity_regexp, certificate_oidc_issuer)
    roots = TrustedRoots(trusted_root) if identities else None
    if roots is not None:
        roots.require_usable()
    trust = Trust(tuple(load_public_key(key, os.environ) for key in keys), identities, roots)
    files = read_files(evidence_files)
    reports = [
        verify_reference(reach(reference, insecure_registries, registry_ca_file), trust, expected, files)
        for reference in references
    ]
    click.echo(render_reports(reports, form), nl=False)
    show_trouble(reports)
    codes = {report.exit_code for report in reports}
    return next(code for code in WORST if code in codes)
