"""What was published, as people read it: shared by build, sign and demo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from attest.attaching import Attached
from attest.ci.source import JobSource
from attest.cli.main import plain
from attest.cli.options import write_output
from attest.cli.reports.text import render_text
from attest.errors import UsageError
from attest.evidence.provenance import PROVENANCE_TYPES
from attest.evidence.statement import CI_JOB, COSIGN_SIGN, CYCLONEDX_BOM
from attest.publishing import Publication
from attest.reference import Digest

_NAMES = {
    **dict.fromkeys(PROVENANCE_TYPES, "provenance"),
    COSIGN_SIGN: "image signature",
    CYCLONEDX_BOM: "SBOM",
    CI_JOB: "source claim of this job",
}


def say_source(job: JobSource) -> None:
    """Say on standard error what this job claims of its source, each value with its origin."""
    stated = [(name, getattr(job, name)) for name in ("repository", "commit", "tag", "ref")]
    known = [f"{name} {plain(said.value)} ({said.origin})" for name, said in stated if said is not None]
    click.echo("attest: source: " + ("; ".join(known) or "nothing is known of it"), err=True)


def show_publication(publication: Publication, signer: str) -> None:
    """Print what was made, and what a stranger sees; notes go to standard error."""
    click.echo("\n".join(_lines(publication, signer)))
    if publication.report is not None:
        by_key = any(trusted.kind == "key" for trusted in publication.report.trusted)
        how = "with the public key" if by_key else "who believes this identity"
        click.echo(f"\nRead back and verified as a stranger {how} would:\n")
        click.echo(render_text([publication.report]), nl=False)
    for note in publication.notes:
        click.echo(f"attest: note: {plain(note)}", err=True)


def write_sbom(publication: Publication, path: Path | None) -> None:
    """Write the SBOM of an image with one platform. Raises UsageError for several, NotWritable."""
    if path is None:
        return
    if len(publication.sboms) != 1:
        has = ", ".join(str(sbom.platform) for sbom in publication.sboms)
        raise UsageError(f"--sbom-output writes one SBOM, the image has {has}", "", "Use attest sbom --platform.")
    write_output(path, publication.sboms[0].sbom.content)


def _lines(publication: Publication, signer: str) -> Iterator[str]:
    image = publication.image
    yield plain(f"{image.reference.name}@{image.digest}")
    for made in publication.sboms:
        lost = f", {sum(made.sbom.lost.values())} things could not be carried over" if made.sbom.lost else ""
        yield f"  {plain(made.platform)}  {made}{lost}"
    if publication.report is None:
        yield "  pushed, not signed: verifiers will answer unknown; sign with --key or --keyless, or attest sign"
        return
    yield f"  attached, signed with {plain(signer)}:"
    hosts = {platform.digest: str(platform.platform) for platform in image.platforms}
    for (_, predicate_type), attached in _grouped(publication.attached):
        where = plain(", ".join(hosts.get(one.on, "index") for one in attached))
        yield f"    {plain(_NAMES.get(predicate_type, predicate_type)):25} on {where}"


def _grouped(attached: Iterable[Attached]) -> Iterator[tuple[tuple[Digest, str], list[Attached]]]:
    """The same bundle, with everything that it hangs off."""
    groups: dict[tuple[Digest, str], list[Attached]] = {}
    for one in attached:
        groups.setdefault((one.bundle, one.predicate_type), []).append(one)
    yield from groups.items()
