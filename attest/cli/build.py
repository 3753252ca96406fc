"""`attest build`: docker buildx build with provenance, then everything that makes it worth something."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from attest.build.context import local_directory
from attest.build.interface import BuildRequest, Flag
from attest.ci.interface import JobSource, Stated
from attest.cli.options import allow_option, reach, require_place, source_options, stated_source, store_options
from attest.cli.signer import signer_for, signing_options
from attest.errors import SourceContradiction, UsageError
from attest.reference import ImageReference, parse_reference

# docker buildx build's flags, one by one; others go after `--`. What attest makes of them: attest/build/flags.py.
_VALUES: Final = {
    "--add-host": "Add a host-to-IP mapping.",
    "--allow": "Allow an extra entitlement.",
    "--annotation": "Add an annotation to the image.",
    "--attest": "Attestation parameters (type=sbom,generator=IMAGE).",
    "--build-arg": "Set a build-time variable; it is published in the provenance.",
    "--build-context": "Additional build context (NAME=PATH).",
    "--builder": "The buildx builder instance.",
    "--cache-from": "External cache source.",
    "--cache-to": "Cache export destination.",
    "--cgroup-parent": "Parent cgroup for RUN instructions.",
    "--iidfile": "Write the image ID to a file.",
    "--label": "Set metadata for the image.",
    "--metadata-file": "Write the build result's metadata to a file.",
    "--network": "Networking mode for RUN instructions.",
    "--no-cache-filter": "Do not cache these stages.",
    "--platform": "Target platforms of the build.",
    "--progress": "Type of progress output.",
    "--provenance": "Provenance parameters (default mode=max,version=v1); it cannot be turned off.",
    "--sbom": "Attach an SPDX SBOM (true, or generator=IMAGE).",
    "--secret": "Secret to expose to the build (id=NAME[,src=FILE|env=NAME]).",
    "--shm-size": "Size of /dev/shm.",
    "--ssh": "SSH agent socket or keys to expose to the build.",
    "--target": "Target build stage.",
    "--ulimit": "Ulimit options.",
}
_SWITCHES: Final = {
    "--no-cache": "Do not use the cache.",
    "--pull": "Always pull referenced images.",
    "--push": "Implied.",
    "--load": "Refused: a local image store keeps no attestations.",
}


class _Build(click.Command):
    """Sets aside what stands after `--` before click sees it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            args, ctx.meta["extra"] = args[:at], tuple(args[at + 1 :])
        return super().parse_args(ctx, args)


def _buildx_flags(command: Any) -> Any:
    for name, text in reversed(_VALUES.items()):
        command = click.option(name, _name(name), multiple=True, help=text)(command)
    for name, text in reversed(_SWITCHES.items()):
        command = click.option(name, _name(name), is_flag=True, help=text)(command)
    command = click.option("-f", "--file", "flag_file", help="Name of the Dockerfile.")(command)
    command = click.option("-o", "--output", "flag_output", multiple=True, help="Refused: the output is a push.")(
        command
    )
    return click.option("-q", "--quiet", "flag_quiet", is_flag=True, help="Suppress the build output.")(command)


def _name(flag: str) -> str:
    return "flag_" + flag.removeprefix("--").replace("-", "_")


@click.command("build", cls=_Build, short_help="Build, push, sign and verify an image.")
@click.argument("context", default=".")
@click.option("-t", "--tag", "tags", metavar="NAME", multiple=True, required=True, help="Image name (repeatable).")
@signing_options
@source_options
@allow_option
@click.option(
    "--sbom-output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the CycloneDX SBOM here.",
)
@click.option(
    "--program",
    type=click.Choice(["docker buildx", "buildx", "buildctl"]),
    envvar="ATTEST_BUILD_PROGRAM",
    help="What to build with; otherwise the first of these that is there.",
)
@store_options
@_buildx_flags
@click.pass_context
def command(
    ctx: click.Context,
    /,
    context: str,
    tags: tuple[str, ...],
    key: str | None,
    keyless: bool,
    identity_token: str | None,
    trust_config: Path | None,
    tlog_upload: bool | None,
    allowed: tuple[str, ...],
    sbom_output: Path | None,
    program: str | None,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
    **flags: object,
) -> int:
    """Build CONTEXT with BuildKit's provenance and push it; --key or --keyless also signs all that.

    NAME is HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG to build into an OCI layout without any server. Takes docker
    buildx build's flags; others go after --. What this job claims of its source comes from --source-…, the CI's
    variables, or git.
    """
    from attest.build.credentials import refuse_credentials
    from attest.build.run import find_builder, run_build
    from attest.ci.git import WorkingTree, raw_tag_object, working_tree
    from attest.ci.git import job_source as git_source
    from attest.ci.source import source_of_this_job
    from attest.cli.publication import say_source, show_publication, write_sbom
    from attest.publishing import publish
    from attest.trust.signing.statements import signer_of

    # Everything that can be refused is refused before the build: a build may take half an hour.
    targets = tuple(parse_reference(tag) for tag in tags)
    require_place(sbom_output)
    _refuse_several(sbom_output, flags.get("flag_platform"))
    request = BuildRequest(context, targets, _typed(flags), ctx.meta.get("extra", ()))
    if key is None and not keyless and "ATTEST_KEY" in os.environ:  # click takes an empty variable for none at all
        raise UsageError("ATTEST_KEY is set and empty", "", "Set it to the key, or unset it to build without signing.")
    choose = signer_for(key, keyless, identity_token, trust_config, tlog_upload)
    refuse_credentials(context, request.every_flag, os.environ, frozenset(allowed))
    directory = local_directory(context)
    job = source_of_this_job(os.environ, directory, stated_source(ctx))
    checkout = git_source(os.environ, directory) or JobSource()
    if job.commit and checkout.commit and job.commit.value != checkout.commit.value:
        raise _elsewhere(context, checkout.commit, job.commit)
    tree = working_tree(directory, os.environ) if directory is not None else WorkingTree()
    if choose is not None and tree.changed:
        raise _dirty(context, tree.changed, "--keyless" if keyless else "--key")
    request = replace(request, only_ignored=bool(tree.ignored) and not tree.changed)
    builder = find_builder(os.environ, program)
    click.echo(f"attest: building with {builder.name}", err=True)
    say_source(job)
    for note in _warnings(directory, key, tree.ignored):
        click.echo(f"attest: note: {note}", err=True)

    result = run_build(builder, request, os.environ, _vcs(checkout, bool(tree.changed)))
    signer = choose([result.digest]) if choose is not None else None
    for target in _one_a_repository(targets):
        publication = publish(
            partial(reach, target.at(result.digest), insecure_registries, registry_ca_file, mount_from=targets[0]),
            job,
            lambda name: raw_tag_object(directory or Path(), name, os.environ),
            signer,
            os.environ,
            frozenset(allowed),
        )
        show_publication(publication, signer_of(signer).name if signer is not None else "")
        write_sbom(publication, sbom_output)
    return 0


def _typed(flags: Mapping[str, object]) -> tuple[Flag, ...]:
    """Back from click's values to the flags as buildx takes them."""
    typed: list[Flag] = []
    for name, value in flags.items():
        if not name.startswith("flag_"):
            continue
        flag = "--" + name.removeprefix("flag_").replace("_", "-")
        if value is True:
            typed.append((flag, None))
        elif isinstance(value, str):
            typed.append((flag, value))
        elif isinstance(value, tuple):
            typed.extend((flag, str(item)) for item in value)
    return tuple(typed)


def _dirty(context: str, files: Sequence[str], option: str) -> SourceContradiction:
    """A dirty tree cannot be vouched for as its commit, so it is refused before the build rather than after."""
    return SourceContradiction(
        f"{context}: the working tree has uncommitted changes; nothing was built",
        f"Changed or untracked: {_the_first(files)}",
        f"Commit, ignore or remove them; or build without {option}.",
    )


def _refuse_several(sbom_output: Path | None, platforms: object) -> None:
    """One file holds the SBOM of one platform; that is better known before the build than after."""
    named = [name for value in platforms for name in value.split(",")] if isinstance(platforms, tuple) else []
    if sbom_output is not None and len(named) > 1:
        raise UsageError(
            f"--sbom-output writes one SBOM, and {', '.join(named)} have one each", "", "Use attest sbom --platform."
        )


def _warnings(directory: Path | None, key: str | None, ignored: Sequence[str]) -> Iterator[str]:
    """What the build may publish although nobody asked for it."""
    if directory is None:
        return
    if key is not None and Path(key).resolve().is_relative_to(directory.resolve()):
        yield f"the private key {key} lies in the build context, and `COPY .` would publish it; move it elsewhere"
    if ignored:
        yield f"files that git ignores may come into the image unless .dockerignore names them: {_the_first(ignored)}"


def _the_first(files: Sequence[str]) -> str:
    return ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")


def _elsewhere(context: str, head: Stated, job: Stated) -> SourceContradiction:
    return SourceContradiction(
        f"{context}: not the commit that this job is about; nothing was built",
        f"The checkout is at {head}, the job is about {job}.",
        "Check that commit out, or say what is meant with --source-commit.",
    )


def _vcs(checkout: JobSource, dirty: bool) -> dict[str, str]:
    """What a builder is told that does not ask git itself, in buildx's words: what git says, never what the job says.

    The job's own claim is held against it afterwards; an answer that we gave ourselves would always agree.
    """
    said = {"vcs:source": checkout.repository, "vcs:revision": checkout.commit}
    known = {name: stated.value for name, stated in said.items() if stated is not None}
    if dirty and "vcs:revision" in known:
        known["vcs:revision"] += "-dirty"
    return known


def _one_a_repository(targets: tuple[ImageReference, ...]) -> tuple[ImageReference, ...]:
    """Evidence hangs off a digest, so several tags in one repository share it."""
    return tuple({target.name: target for target in targets}.values())
