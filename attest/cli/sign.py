"""`attest sign`: everything that `attest build` does after the build, for a digest that the caller names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from attest.cli.options import allow_option, reach, source_options, stated_source, store_options
from attest.cli.signer import signer_for, signing_options
from attest.errors import Unreadable, UsageError
from attest.reference import Digest, ImageReference, parse_reference


@click.command("sign", short_help="Sign an image, its provenance and its SBOM.")
@click.argument("image", metavar="[IMAGE@DIGEST]", required=False)
@click.option(
    "--metadata-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Sign what this file of docker buildx build says was pushed.",
)
@signing_options
@source_options
@click.option("--signature-only", is_flag=True, help="Sign the image and say nothing of its source.")
@allow_option
@store_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    image: str | None,
    metadata_file: Path | None,
    key: str | None,
    keyless: bool,
    identity_token: str | None,
    trust_config: Path | None,
    tlog_upload: bool | None,
    signature_only: bool,
    allowed: tuple[str, ...],
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
    **_: str,
) -> int:
    """Sign IMAGE@DIGEST: the image, its provenance, its SBOM and what this job says of its source.

    A digest is needed, or the metadata file of the build: what a tag points at may have changed since. The provenance
    is held against --source-… and the CI's variables first; if it says otherwise, nothing is signed.
    """
    from attest.ci.git import raw_tag_object
    from attest.ci.source import source_of_this_job
    from attest.cli.publication import say_source, show_publication
    from attest.publishing import publish, sign_only
    from attest.trust.signing.statements import signer_of

    stated = stated_source(ctx)
    if signature_only and stated:
        raise UsageError("--signature-only says nothing of the source; leave out --source-…")
    references = list(_references(image, metadata_file))
    choose = signer_for(key, keyless, identity_token, trust_config, tlog_upload)
    if choose is None:
        raise UsageError("nothing to sign with", "", "Give --key FILE (or ATTEST_KEY), or --keyless.")
    signer = choose([reference.digest for reference in references if reference.digest])
    # The directory that this happens to run in says nothing of an image that was built elsewhere.
    job = source_of_this_job(os.environ, None, stated)
    if not signature_only:
        say_source(job)
    for reference in references:
        open_store = partial(reach, reference, insecure_registries, registry_ca_file)
        if signature_only:
            publication = sign_only(open_store, signer)
        else:
            publication = publish(
                open_store,
                job,
                lambda name: raw_tag_object(Path(), name, os.environ),
                signer,
                os.environ,
                frozenset(allowed),
            )
        show_publication(publication, signer_of(signer).name)
    return 0


def _references(image: str | None, metadata_file: Path | None) -> Iterator[ImageReference]:
    if (image is None) == (metadata_file is None):
        raise UsageError("give exactly one of IMAGE@DIGEST and --metadata-file")
    if metadata_file is not None:
        yield from _from_metadata(metadata_file)
    elif image is not None:
        reference = parse_reference(image)
        if reference.digest is None:
            raise UsageError(
                f"{image}: a tag may point at something else by now",
                "",
                f"Give the digest that was built: {reference.name}@sha256:….",
            )
        yield reference.at(reference.digest)


def _from_metadata(path: Path) -> Iterator[ImageReference]:
    """buildx's metadata file (docker buildx build --metadata-file); every repository in it once."""
    from attest.oci.document import parse_object, text

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the metadata file: {error.strerror}") from None
    try:
        document = parse_object(content, str(path))
    except Unreadable as error:
        raise UsageError(f"{path}: not a metadata file of docker buildx build", error.detail) from None
    names, digest = text(document, "image.name"), text(document, "containerimage.digest")
    if not names or not digest:
        raise UsageError(f"{path}: names no image that was pushed", "image.name or containerimage.digest is missing.")
    references = [parse_reference(name.strip()).at(Digest.parse(digest)) for name in names.split(",")]
    yield from {reference.name: reference for reference in references}.values()
