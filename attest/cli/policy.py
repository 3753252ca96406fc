"""`attest policy`: prove a policy file, say in words what it demands, draft one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.main import plain, say
from attest.cli.options import output_option, reach, require_place, store_options, write_output
from attest.errors import NotWritable, UsageError
from attest.reference import parse_reference

if TYPE_CHECKING:
    from attest.policy.language.findings import Findings
    from attest.policy.language.policy_text import Remark


@click.group("policy", short_help="Check, explain or draft a policy file.")
def command() -> None:
    """Work with policy files; docs/policy.md tells their language."""


@command.command("check", short_help="Find what is wrong with policies.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> int:
    """Check that each FILE can be used, and that it says what its writer means.

    FILE@sha256:HEX must have that digest, and pin every file that it names. A policy that does is shown with its
    digest. Errors are exit 2; warnings go to standard error and change nothing.
    """
    codes = [_check(file) for file in files]
    return max(codes)


def _check(file: str) -> int:
    """One file; the others are still checked where it has errors."""
    from attest.policy.language.advice import advise
    from attest.policy.language.pinning import unpinned
    from attest.policy.language.reading import read_policy

    try:
        policy = read_policy(file)
    except UsageError as error:
        say(f"attest: {error}")
        return error.exit_code
    advice = advise(policy, os.environ, datetime.now(UTC))
    _tell(policy.uri, "error", advice.errors)
    _tell(policy.uri, "warning", advice.warnings)
    if advice.errors:
        return UsageError.exit_code
    left_open = list(unpinned(policy))
    for remark in left_open:
        say(plain(f"attest: warning: cannot be pinned as it is: {remark.at(policy.uri)}"))
    click.echo(plain(f"{policy.uri}: ok" if left_open else f"{policy.uri}: ok ({policy.digest})"))
    return 0


def _tell(uri: str, kind: str, remarks: Iterable[Remark]) -> None:
    for remark in remarks:
        say(plain(f"attest: {kind}: {remark.at(uri)}"))


@command.command("explain", short_help="Say in plain words what a policy demands.")
@click.argument("file", metavar="FILE")
def explain(file: str) -> int:
    """Say what FILE demands of an image, and what it does not."""
    from attest.policy.language.explaining import explain as explained
    from attest.policy.language.reading import read_policy

    text = explained(read_policy(file))
    click.echo("\n".join(plain(line) for line in text.split("\n")), nl=False)
    return 0


@command.command("init", short_help="Draft a policy for an image, or for this project.")
@click.argument("image", metavar="[IMAGE]", required=False)
@output_option
@store_options
def init(
    image: str | None, output: Path | None, insecure_registries: tuple[str, ...], registry_ca_file: Path | None
) -> int:
    """Draft a policy of what is attached to IMAGE, or of the GitLab, GitHub or git project here.

    Nothing of it is verified: read the draft, and check every value. A public key (*.pub) beside the draft that made a
    signature of IMAGE is named, with its digest. An existing file is not overwritten.
    """
    if output is not None and output.exists():
        raise NotWritable(f"{output}: exists already", "", "Choose another name, or remove it.")
    require_place(output)
    from attest.policy.language.drafting import draft

    folder = output.parent if output is not None else Path()
    found = _of_image(image, folder, insecure_registries, registry_ca_file) if image is not None else _of_project()
    write_output(output, draft(found).encode())
    return 0


def _of_image(
    image: str, folder: Path, insecure_registries: tuple[str, ...], registry_ca_file: Path | None
) -> Findings:
    from attest.evidence.collect import fetch
    from attest.policy.language.findings import findings_of_image

    reference = parse_reference(image)
    _, evidence = fetch(reach(reference, insecure_registries, registry_ca_file))
    for error in evidence.unread:
        say(f"attest: note: {error}")
    return findings_of_image(reference, evidence, folder)


def _of_project() -> Findings:
    from attest.ci.source import source_of_this_job
    from attest.policy.language.findings import findings_of_project

    source = source_of_this_job(os.environ, Path(), {})
    if source.repository is None:
        raise UsageError(
            "no IMAGE, and no project here",
            "Neither GitLab, GitHub nor git says which repository this is.",
            "Give an image, or go to a checkout that has a remote.",
        )
    repository, is_job = source.repository, source.platform in ("gitlab", "github")
    gitlab = os.environ if source.platform == "gitlab" else {}
    return findings_of_project(
        repository.value,
        repository.origin,
        gitlab.get("CI_SERVER_URL", ""),
        source.job.configuration_path,
        # What a person has checked out just now says nothing of what will be released.
        source.ref.value if is_job and source.ref is not None else "",
        gitlab.get("CI_REGISTRY_IMAGE", ""),
    )
