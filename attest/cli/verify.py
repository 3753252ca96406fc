"""`attest verify`: flags become values, one call answers, one value is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.believing import Believed, belief_options
from attest.cli.expecting import expectation_options
from attest.cli.options import WORST, evidence_options, reach, read_files, store_options
from attest.cli.peeling import tag_options
from attest.cli.reports.forms import ReportFile, report_options, show_reports
from attest.cli.summing import SummaryWanted, summary_options
from attest.policy.expectations import Expectations
from attest.reference import parse_reference

if TYPE_CHECKING:
    from attest.policy.tag_objects import TagObjects


@click.command("verify", short_help="Check an image against the expected source.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@belief_options
@expectation_options
@evidence_options
@tag_options
@report_options
@summary_options
@store_options
def command(
    images: tuple[str, ...],
    who: Believed,
    expected: Expectations,
    evidence_files: tuple[Path, ...],
    tags_from: Callable[..., TagObjects],
    form: str,
    report_files: tuple[ReportFile, ...],
    summary: SummaryWanted,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
) -> int:
    """Check that IMAGE was built from the expected source, and say who vouches for it.

    IMAGE is HOST/REPOSITORY[:TAG][@DIGEST] or oci-layout:PATH[:TAG][@DIGEST]. Nothing passes by default: say whom you
    believe (--key, or --certificate-identity with its issuer) and what you expect (--source-…, or --signature-only),
    or name a --policy that says both.
    """
    references = [parse_reference(image) for image in images]
    for file in report_files:
        file.require_place()
    files = read_files(evidence_files)
    tag_objects = tags_from(expected, offline=who.offline)
    trust, verifiers = who.with_policy(expected.policy)
    key = summary.prepare(images, expected.policy, trust)
    from attest.verification import verify_reference

    reports = [
        verify_reference(
            reach(reference, insecure_registries, registry_ca_file), trust, expected, files, verifiers, tag_objects
        )
        for reference in references
    ]
    codes = show_reports(reports, form, report_files)
    if len(references) == 1 and reports[0].digest is not None:
        pinned = references[0].at(reports[0].digest)
        codes |= summary.write(reports[0], key, partial(reach, pinned, insecure_registries, registry_ca_file))
    return next(code for code in WORST if code in codes)
