"""`attest download`: the exact bytes of what is attached, for other tools and for keeping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import click

from attest.cli.options import output_option, parse_platforms, platform_option, reach, store_options, write_output
from attest.errors import NotFound, UsageError
from attest.evidence.attestation import Attestation, Evidence
from attest.evidence.raw import raw_attestation
from attest.oci.image import Image
from attest.reference import Digest, Platform, parse_reference

Kind = Literal["provenance", "sbom", "signatures", "bundle"]
Found = dict[Digest, bytes]


@click.command("download", short_help="Write what is attached to an image, byte for byte, unverified.")
@click.argument("kind", type=click.Choice(["provenance", "sbom", "signatures", "bundle"]))
@click.argument("image", metavar="IMAGE")
@platform_option
@output_option
@store_options
def command(
    kind: Kind,
    image: str,
    platforms: tuple[str, ...],
    output: Path | None,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
) -> int:
    """Write the provenance or SBOM statement, the image signatures, or all Sigstore bundles of IMAGE.

    provenance and sbom write one document: the bare statement, or the one inside an envelope where there is no bare
    one. signatures and bundle write one a line. Nothing of it is verified: see attest verify.
    """
    wanted = parse_platforms(platforms)
    store = reach(parse_reference(image), insecure_registries, registry_ca_file)
    from attest.evidence.collect import fetch, require_readable

    loaded, evidence = fetch(store)
    if missing := loaded.lacks(wanted):
        raise missing
    require_readable(evidence)
    found = _FINDERS[kind](_narrowed(loaded, evidence, wanted))
    if not found:
        raise NotFound(f"{image}: no {kind}", "", f"attest inspect {image} shows what there is.")
    write_output(output, _together(found, image, one_a_line=kind in ("signatures", "bundle")))
    click.echo(f"attest: {len(found)} found; unverified", err=True)
    return 0


def _narrowed(image: Image, evidence: Evidence, wanted: Sequence[Platform]) -> Evidence:
    """What speaks for these platforms: it names one of them, or the index, or nothing and lies beside one."""
    if not wanted:
        return evidence
    digests = {platform.digest for platform in image.select(wanted)}
    others = {platform.digest for platform in image.platforms} - digests
    beside = digests | {manifest.digest for manifest in image.attestation_manifests if manifest.about in digests}

    def speaks(about: Sequence[Digest], lies: set[Digest | None]) -> bool:
        return bool(digests.intersection(about) or (not others.intersection(about) and about) or beside & lies)

    return Evidence(
        tuple(one for one in evidence.attestations if speaks(one.about, {place.manifest for place in one.places})),
        simple_signatures=tuple(one for one in evidence.simple_signatures if speaks(one.about, set())),
        sboms=tuple(one for one in evidence.sboms if speaks((), {place.on for place in one.places})),
    )


def _statements(evidence: Evidence, is_wanted: Callable[[Attestation], bool]) -> Found:
    """Bare ones, as their builder wrote them; else what envelopes hold. The same bytes twice are one."""
    wanted = [attestation for attestation in evidence.attestations if is_wanted(attestation)]
    bare = [attestation for attestation in wanted if attestation.bundle is None]
    return {Digest.of(one.statement.raw): one.statement.raw for one in bare or wanted}


def _provenance(evidence: Evidence) -> Found:
    return _statements(evidence, lambda attestation: attestation.is_provenance)


def _sboms(evidence: Evidence) -> Found:
    return _statements(evidence, lambda attestation: attestation.is_sbom) or {
        sbom.digest: sbom.content for sbom in evidence.sboms
    }


def _signatures(evidence: Evidence) -> Found:
    signed = {one.digest: raw_attestation(one) for one in evidence.attestations if one.is_image_signature}
    return signed | {one.digest: one.signing.payload for one in evidence.simple_signatures}


def _bundles(evidence: Evidence) -> Found:
    return {one.digest: one.bundle.raw for one in evidence.attestations if one.bundle and one.bundle.is_bundle}


_FINDERS: Final[dict[Kind, Callable[[Evidence], Found]]] = {
    "provenance": _provenance,
    "sbom": _sboms,
    "signatures": _signatures,
    "bundle": _bundles,
}


def _together(found: Found, image: str, *, one_a_line: bool) -> bytes:
    """One document as it is, or several as JSON lines. Raises UsageError where bytes would have to change."""
    contents = list(found.values())
    if len(contents) == 1:
        return contents[0]
    if one_a_line and not any(b"\n" in content for content in contents):
        return b"".join(content + b"\n" for content in contents)
    raise UsageError(
        f"{image}: {len(found)} found, and they cannot be written into one file unchanged",
        f"They are {', '.join(map(str, found))}.",
        "Add --platform, or take one of them: attest inspect --raw DIGEST IMAGE.",
    )
