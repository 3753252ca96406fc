"""Options that several commands share: one decorator and one help text each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from attest.errors import NotWritable, UsageError
from attest.evidence.attestation import Attestation
from attest.oci.interface import Store
from attest.reference import ImageReference, Platform

if TYPE_CHECKING:
    from attest.trust.certified.certificates import TrustedRoots
    from attest.trust.identity import ExpectedIdentity

WORST = (1, 4, 3, 0)  # exit codes of several images: the first of these that occurs

F = TypeVar("F", bound=Callable[..., Any])
Given = str | tuple[str, ...] | None


class Once(click.Option):
    """An option of one value that decides trust or expectation: given twice, one of the two would silently be lost."""

    def __init__(self, *names: Any, **attributes: Any) -> None:
        super().__init__(*names, **{**attributes, "multiple": True, "default": None})

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The one value, or None. Raises BadParameter."""
        values = super().type_cast_value(ctx, value)
        if len(values) > 1:
            raise click.BadParameter("given more than once: which one is meant?", ctx, self)
        return values[0] if values else None


def store_options(command: F) -> F:
    """How to reach a registry. They decide neither trust nor expectation, so they have environment variables."""
    insecure = click.option(
        "--insecure-registry",
        "insecure_registries",
        metavar="HOST",
        multiple=True,
        envvar="ATTEST_INSECURE_REGISTRY",
        help="Speak plain HTTP with this registry; loopback hosts need no saying, unless a CA file is given.",
    )
    authority = click.option(
        "--registry-ca-file",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="ATTEST_REGISTRY_CA_FILE",
        help="Certificates (PEM) to trust for registries, instead of the system's.",
    )
    return insecure(authority(command))


def identity_options(command: F) -> F:
    """Whom to believe by certificate. They decide trust, so they have no environment variables."""
    options = (
        click.option(
            "--certificate-identity", cls=Once, metavar="NAME", callback=stated, help="The signer's exact identity."
        ),
        click.option(
            "--certificate-identity-regexp", cls=Once, metavar="RE2", callback=stated, help="Or an expression for it."
        ),
        click.option(
            "--certificate-oidc-issuer", cls=Once, metavar="URL", callback=stated, help="Who vouches for the identity."
        ),
        click.option(
            "--trusted-root",
            cls=Once,
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Authorities and logs of your own Sigstore (trusted_root.json), instead of the public ones.",
        ),
        click.option(
            "--update-trusted-root",
            is_flag=True,
            help="Fetch the public Sigstore's root of today first; otherwise the one that was installed is used.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def parse_identities(exact: str | None, pattern: str | None, issuer: str | None) -> tuple[ExpectedIdentity, ...]:
    """What the --certificate-… options name. Raises UsageError for half of an identity."""
    if exact and pattern:
        raise UsageError("--certificate-identity and --certificate-identity-regexp exclude each other")
    if not (exact or pattern or issuer):
        return ()
    from attest.trust.identity import ExpectedIdentity

    if issuer and not issuer.startswith(("https://", "http://")):
        raise UsageError(f"--certificate-oidc-issuer {issuer}: not an address", "", f"Expected https://{issuer}.")
    if pattern and len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        remedy = "Slashes mark expressions in policies; here leave them out."
        raise UsageError(
            f"--certificate-identity-regexp {pattern}: an identity does not begin with a slash", "", remedy
        )
    expected = (ExpectedIdentity(exact or pattern or "", issuer or "", is_pattern=bool(pattern)),)
    if pattern and all(expected[0].accepts(name, expected[0].issuer) for name in _ANYBODY):
        remedy = "Name the project: https://gitlab\\.com/acme/app//\\.gitlab-ci\\.yml@refs/tags/v.*"
        raise UsageError(f"--certificate-identity-regexp {pattern}: everybody whom {issuer} knows", "", remedy)
    return expected


# Strangers' pipelines on two platforms, and a person.
_ANYBODY: Final = (
    "https://gitlab.com/mallory/evil//.gitlab-ci.yml@refs/heads/main",
    "https://github.com/mallory/evil/.github/workflows/evil.yml@refs/heads/main",
    "mallory@example.com",
)


def offline_option(command: F) -> F:
    """Forbids, and so decides neither trust nor expectation."""
    text = "Ask nobody but the registry, and refuse what would have to."
    return click.option("--offline", is_flag=True, envvar="ATTEST_OFFLINE", help=text)(command)


def require_askable(keys: tuple[str, ...], path: Path | None, update_trusted_root: bool, offline: bool) -> None:
    """Refuse what would ask whom it must not, before anybody is asked. Raises UsageError."""
    if update_trusted_root and offline:
        raise UsageError("--update-trusted-root and --offline exclude each other")
    if update_trusted_root and path is not None:
        remedy = "Only the public Sigstore's root is fetched; a file is as new as whoever wrote it."
        raise UsageError("--update-trusted-root and --trusted-root exclude each other", "", remedy)
    if offline:
        from attest.trust.held.kms import is_address

        for key in filter(is_address, keys):
            remedy = f"Export its public key once (cosign public-key --key {key}), and give the file."
            raise UsageError(f"--offline: --key {key} would be asked of a service", "", remedy)


def load_roots(path: Path | None, update_trusted_root: bool) -> TrustedRoots:
    """What certificates are checked against, known to be usable. Raises UsageError, StoreError."""
    if update_trusted_root:
        from attest.trust.certified.refresh import refreshed_roots

        roots = refreshed_roots()
        click.echo(f"attest: the public Sigstore's root of today lies in {roots.path}", err=True)
        return roots
    from attest.trust.certified.certificates import TrustedRoots

    roots = TrustedRoots(path)
    roots.require_usable()
    return roots


def source_options(command: F) -> F:
    """What is expected of, or claimed for, the source."""
    for name, metavar, text in reversed(_SOURCE):
        command = click.option(name, cls=Once, metavar=metavar, callback=_expectation, help=text)(command)
    return command


def _expectation(_: click.Context, option: click.Parameter, value: str | None) -> str:
    """A variable that is not set must not turn an expectation off."""
    if value is not None and not value.strip():
        raise click.BadParameter(f"no value. Is a variable not set? Leave {option.opts[0]} out if nothing is expected.")
    return value or ""


def stated(_: click.Context, __: click.Parameter, value: Given) -> Given:
    """The callback of an option whose value may come from a variable that is not set."""
    if "" in (value if isinstance(value, tuple) else (value,)):
        raise click.BadParameter("no value. Is a variable not set?")
    return value


def stated_source(ctx: click.Context) -> dict[str, str]:
    """The --source-… options that were given."""
    return {name: value for name, _, _ in _SOURCE if (value := ctx.params[name[2:].replace("-", "_")])}


_SOURCE = (
    ("--source-repository", "URL", "The repository: https://gitlab.com/acme/app."),
    ("--source-commit", "SHA", "The full commit."),
    ("--source-tag", "TAG", "The git tag."),
    ("--source-branch", "BRANCH", "The git branch."),
)


def allow_option(command: F) -> F:
    """Build arguments that look like credentials and are none."""
    return click.option(
        "--allow-build-arg", "allowed", metavar="NAME", multiple=True, help="This build argument may be published."
    )(command)


def evidence_options(command: F) -> F:
    """Evidence that lies beside the image in files: as untrusted as what hangs off it."""
    path = click.Path(dir_okay=False, path_type=Path)
    bundles = click.option(
        "--bundle", "--attestation", "evidence_files", metavar="FILE", multiple=True, type=path, help=_FILES
    )
    return bundles(command)


_FILES = "Sigstore bundles, DSSE envelopes or statements to look at as well (one, or one a line; repeatable)."


def read_files(paths: tuple[Path, ...]) -> tuple[Attestation, ...]:
    """What --bundle and --attestation name. Raises UsageError, Unreadable, MalformedStatement."""
    if not paths:
        return ()
    from attest.evidence.files import read_evidence

    return tuple(attestation for path in paths for attestation in read_evidence(path))


def output_option(command: F) -> F:
    """Where the result goes."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option("--output", "-o", metavar="FILE", type=path, help="Write here instead of standard output.")(
        command
    )


def platform_option(command: F) -> F:
    """Narrows a question to some platforms of an image."""
    return click.option(
        "--platform",
        "platforms",
        metavar="OS/ARCH",
        multiple=True,
        help="Only this platform (repeatable); all of them otherwise.",
    )(command)


def parse_platforms(names: tuple[str, ...]) -> tuple[Platform, ...]:
    """Read --platform, repeated or comma-separated. Raises InvalidReference."""
    return tuple(Platform.parse(name) for value in names for name in value.split(","))


def reach(
    reference: ImageReference,
    insecure_registries: tuple[str, ...],
    registry_ca_file: Path | None,
    mount_from: ImageReference | None = None,
) -> Store:
    """The store that holds this image; `mount_from` was given the same evidence before."""
    from attest.oci.stores import open_store

    hosts = frozenset(host for value in insecure_registries for host in value.replace(",", " ").split())
    return open_store(
        reference, insecure_hosts=hosts, ca_file=registry_ca_file, environ=os.environ, mount_from=mount_from
    )


def require_place(path: Path | None) -> None:
    """Refuse a file that cannot be written before half an hour's work. Raises NotWritable."""
    if path is not None and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise NotWritable(f"{path}: cannot write", f"{path.parent} is no directory that can be written to.")


def write_output(path: Path | None, content: bytes) -> None:
    """Write to a file, whole or not at all, or to standard output. Raises NotWritable."""
    if path is None:
        click.echo(content, nl=False)
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:  # nothing that somebody has put there is written to
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise NotWritable(f"{path}: cannot write: {error.strerror}") from None
