"""From a reference to the store that it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attest.oci.interface import Store
from attest.reference import ImageReference, LayoutReference, RegistryReference


def open_store(
    reference: ImageReference,
    *,
    insecure_hosts: frozenset[str] = frozenset(),
    ca_file: Path | None = None,
    environ: Mapping[str, str],
    mount_from: ImageReference | None = None,
) -> Store:
    """The store of this reference; nothing is read yet. Raises UsageError for an unusable CA file.

    `insecure_hosts` are `HOST[:PORT]` as in references, spoken to without TLS; `ca_file` holds the only CAs believed;
    `mount_from` may hold the same blobs already, which helps where it is a repository of the same registry.
    """
    match reference:
        case LayoutReference():
            from attest.oci.disk.layout import Layout

            return Layout(reference)
        case RegistryReference():
            from attest.oci.http.registry import Registry  # brings urllib3, which takes a tenth of a second

            source = _repository_beside(reference, mount_from)
            return Registry(
                reference, insecure_hosts=insecure_hosts, ca_file=ca_file, environ=environ, mount_from=source
            )


def _repository_beside(reference: RegistryReference, other: ImageReference | None) -> str:
    if not isinstance(other, RegistryReference) or other.host != reference.host:
        return ""
    return other.repository if other.repository != reference.repository else ""
