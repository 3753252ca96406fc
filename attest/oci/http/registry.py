"""One repository of a registry as a store: nothing is believed, and nothing that was read is asked for again.

Manifests are kept, since several steps look at them; blobs are read once, by whoever needs them. What was written is
never taken from memory when it is read back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attest.errors import NotFound, NotWritable, StoreError, TooLarge, Unreadable
from attest.oci import limits
from attest.oci.content import checked, within
from attest.oci.descriptor import OCI_INDEX, Descriptor
from attest.oci.http.answer import Answer, printable
from attest.oci.http.auth import PULL, PUSH, Access
from attest.oci.http.endpoints import Endpoints
from attest.oci.http.manifests import checked_document, described, index, is_index, promised
from attest.oci.http.transport import Transport
from attest.oci.interface import Artifact, CosignSuffix, cosign_tag
from attest.oci.locks import locked_name
from attest.oci.referrer import describe, unique, with_entries
from attest.oci.rounds import ask_all
from attest.reference import Digest, RegistryReference

_TAG_LENGTH: Final = 128  # distribution-spec 1.1, "Pulling manifests"; sha512's digests alone have as many
_LATER: Final = (0.0, 0.5)  # seconds before a new referrer is looked for; some registries list it a moment later


class Registry:
    """The repository that the reference names. May be used by several threads; `wait` is given seconds to wait.

    `mount_from` is another repository of this registry that may hold the same blobs.
    """

    def __init__(
        self,
        reference: RegistryReference,
        *,
        insecure_hosts: frozenset[str] = frozenset(),
        ca_file: Path | None = None,
        environ: Mapping[str, str],
        wait: Callable[[float], None] = time.sleep,
        mount_from: str = "",
    ) -> None:
        self._reference = reference
        self._transport = Transport(insecure_hosts, ca_file, environ, wait)
        address = f"{self._transport.address(reference.host)}/v2/{reference.repository}"
        access = Access(reference, self._transport, environ, mount_from)
        self._endpoints = Endpoints(address, self._transport, access)
        self._mount_from = mount_from
        self._kept: dict[Digest, bytes] = {}
        self._lists = 0
        self._lock = threading.Lock()

    @property
    def reference(self) -> RegistryReference:
        """What the user typed."""
        return self._reference

    def resolve(self) -> Descriptor:
        """The descriptor of what the digest or tag names, made from the bytes that came."""
        wanted = self._reference.digest
        where = str(self._reference)
        answer = self._endpoints.get_manifest(str(wanted or self._reference.tag), limits.MANIFEST, where)
        descriptor = described(answer, wanted, where)
        self._keep(descriptor.digest, answer.body)
        return descriptor

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of a manifest or index."""
        where = self._at(descriptor.digest)
        within(descriptor, limits.MANIFEST, where)
        with self._lock:
            content = self._kept.get(descriptor.digest)
        if content is None:
            content = self._endpoints.get_manifest(str(descriptor.digest), descriptor.size, where).body
        self._keep(descriptor.digest, checked(content, descriptor, where))
        return content

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The exact bytes of a blob of at most `limit` bytes."""
        where = self._at(descriptor.digest)
        within(descriptor, limit, where)
        return checked(self._endpoints.get_blob(descriptor.digest, descriptor.size, where).body, descriptor, where)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What the referrers API and the fallback tag list; the two may differ, so both are asked, side by side.

        More than limits.REFERRERS entries mean that there are more still.
        """
        found: list[Descriptor] = []
        for answer in ask_all(lambda ask: ask(subject), (self._listed, self._tagged)):
            if isinstance(answer, StoreError):
                raise answer
            found.extend(answer or ())
        return unique(found)[: limits.REFERRERS + 1]

    def cosign_tag(self, subject: Digest, suffix: CosignSuffix) -> Descriptor | None:
        """The manifest under cosign's tag for `subject`, or None; `manifest` does not ask for it again."""
        tag = cosign_tag(subject, suffix)
        if len(tag) > _TAG_LENGTH:
            return None  # nobody could have written it, and registries differ in how they refuse to look
        where = f"{self._reference.name}:{tag}"
        try:
            answer = self._endpoints.get_manifest(tag, limits.MANIFEST, where)
        except NotFound:
            return None
        descriptor = described(answer, None, where)
        self._keep(descriptor.digest, answer.body)
        return descriptor

    def push_blob(self, content: bytes, media_type: str) -> Descriptor:
        """Write a blob unless it is there."""
        descriptor = Descriptor.of(content, media_type)
        self._endpoints.put_blob(descriptor.digest, content, self._at(descriptor.digest), self._mount_from)
        return descriptor

    def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
        """Write the blobs side by side, then the manifests in order, then what the registry does not list by itself."""
        entries = [describe(artifact.manifest, artifact.subject, self._reference.name) for artifact in artifacts]
        blobs = dict.fromkeys(content for artifact in artifacts for content in artifact.blobs)
        for answer in ask_all(lambda content: self.push_blob(content, ""), blobs):
            if isinstance(answer, StoreError):
                raise answer
        listed: dict[Digest, list[Descriptor]] = {}
        unlisted: dict[Digest, list[Descriptor]] = {}
        for artifact, entry in zip(artifacts, entries, strict=True):
            where = self._at(entry.digest)
            put = self._endpoints.put_manifest(str(entry.digest), artifact.manifest, entry.media_type, where)
            (listed if _lists_itself(put, artifact.subject) else unlisted).setdefault(artifact.subject, []).append(
                entry
            )
        for subject, written in listed.items():
            unlisted.setdefault(subject, []).extend(self._broken_promises(subject, written))
        for subject, missing in unlisted.items():
            self._tag(subject, missing)
        return tuple(entries)

    def _broken_promises(self, subject: Digest, entries: Sequence[Descriptor]) -> list[Descriptor]:
        """What the referrers API does not list although the registry said so: ECR says so and has no such API."""
        missing = list(entries)
        for seconds in _LATER:
            self._transport.pause(seconds, seconds)
            listed = self._listed(subject)
            if listed is None:
                break
            found = {entry.digest for entry in listed}
            missing = [entry for entry in missing if entry.digest not in found]
            if not missing:
                break
        return missing

    def _listed(self, subject: Digest) -> tuple[Descriptor, ...] | None:
        """All pages of the referrers API, or None where there is no such API."""
        where = f"{self._at(subject)}: referrers"
        answer = self._endpoints.get_referrers(subject, where)
        if answer is None or not is_index(answer):
            return None
        self._account_for(answer, where)
        found, pages = list(index(answer, where).manifests), {answer.url}
        while (page := self._endpoints.next_page(answer, where)) and len(found) <= limits.REFERRERS:
            if page in pages or len(pages) >= limits.REFERRER_PAGES:
                raise Unreadable(f"{where}: a list without end", f"{len(pages)} pages were read.")
            pages.add(page)
            answer = self._endpoints.get_page(page, where)
            self._account_for(answer, where)
            found.extend(index(answer, where).manifests)
        return tuple(found)

    def _tagged(self, subject: Digest) -> tuple[Descriptor, ...] | None:
        where = f"{self._reference.name}:{subject.fallback_tag}"
        answer = self._fallback(subject, PULL)
        if answer is not None:
            self._account_for(answer, where)
        return index(answer, where).manifests if answer is not None else None

    def _account_for(self, answer: Answer, where: str) -> None:
        """Lists are read side by side, and held while they are: all of them together have a cap. Raises TooLarge."""
        with self._lock:
            self._lists += len(answer.body)
            is_too_much = self._lists > limits.LISTS
        if is_too_much:
            raise TooLarge(f"{where}: lists of more than the {limits.LISTS} bytes that are read of one image")

    def _fallback(self, subject: Digest, action: str) -> Answer | None:
        """The index under the fallback tag as it is now, or None."""
        where = f"{self._reference.name}:{subject.fallback_tag}"
        try:
            return self._endpoints.get_manifest(subject.fallback_tag, limits.MANIFEST, where, action)
        except NotFound:
            return None

    def _tag(self, subject: Digest, entries: Sequence[Descriptor]) -> None:
        """Add to the fallback tag's index until it stays there.

        Registries ignore If-Match, so a writer on another machine that read before us may write after us. It needs
        about as long from its reading to its writing as we do: we look again after at least that long.
        """
        if not entries:
            return
        where = f"{self._reference.name}:{subject.fallback_tag}"
        with locked_name(where):
            for attempt in range(1, limits.FALLBACK_TRIES + 1):
                began = time.monotonic()
                changed = self._with_entries(subject, entries, where)
                if changed is None:
                    return
                self._endpoints.put_manifest(subject.fallback_tag, changed, OCI_INDEX, where)
                taken = time.monotonic() - began
                self._transport.pause(taken, taken * 2**attempt)
            if self._with_entries(subject, entries, where) is not None:
                raise NotWritable(
                    f"{where}: the entry of {entries[0].digest} does not stay",
                    f"Others overwrote it {limits.FALLBACK_TRIES} times.",
                    "Attach again when fewer jobs write to this image.",
                )

    def _with_entries(self, subject: Digest, entries: Sequence[Descriptor], where: str) -> bytes | None:
        answer = self._fallback(subject, PUSH)
        if answer is None:
            return with_entries(None, entries, where)
        checked_document(answer, promised(answer), where)
        if not is_index(answer):
            raise Unreadable(f"{where}: expected an image index", f"Found {printable(answer.media_type)!r}.")
        return with_entries(answer.body, entries, where)

    def _keep(self, digest: Digest, content: bytes) -> None:
        with self._lock:
            self._kept[digest] = content

    def _at(self, digest: Digest) -> str:
        return f"{self._reference.name}@{digest}"


def _lists_itself(answer: Answer, subject: Digest) -> bool:
    """Whether the registry says that its referrers API will list what was just written."""
    return answer.headers.get("OCI-Subject", "") == str(subject)
