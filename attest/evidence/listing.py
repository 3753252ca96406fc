"""What a store lists beside each manifest of an image: asked while the manifests themselves are being read.

A round to a registry far away costs more than a request, so nothing waits that need not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from attest.errors import StoreError
from attest.evidence.attestation import Found
from attest.oci import limits
from attest.oci.descriptor import Descriptor
from attest.oci.interface import COSIGN_SUFFIXES, CosignSuffix, Store
from attest.reference import Digest


@dataclass(frozen=True, slots=True)
class Listed:
    """Manifests that the store lists beside `on`, or why it could not say: hints, nothing more."""

    on: Digest
    found: Found
    answer: tuple[Descriptor, ...] | StoreError


class Listings:
    """Asks for the referrers and cosign tags of every manifest that it is told of; nothing is asked twice."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: dict[Digest, list[Future[Listed]]] = {}
        self._tagged_for: set[Digest] = set()
        self._pool = ThreadPoolExecutor(limits.PARALLEL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)  # somebody may have pressed Ctrl-C

    def ask(self, manifests: Iterable[Descriptor]) -> None:
        """Begin to ask about these. cosign tags nothing but images, and most of unknown platform are none."""
        for manifest in manifests:
            if manifest.digest not in self._asked:
                self._asked[manifest.digest] = [self._pool.submit(self._referrers, manifest.digest)]
            if manifest.platform is None or not manifest.platform.is_unknown:
                self.ask_for_tags([manifest.digest])

    def ask_for_tags(self, images: Iterable[Digest]) -> None:
        """Begin to ask for the tags of these too, if nobody has: what an image is, its content decides."""
        for image in images:
            if image not in self._tagged_for:
                self._tagged_for.add(image)
                questions = [partial(self._tagged, image, suffix) for suffix in COSIGN_SUFFIXES]
                self._asked[image] += [self._pool.submit(question) for question in questions]

    def answers(self) -> Iterator[Listed]:
        """What was found beside each of them, in the order in which they were asked about."""
        for futures in self._asked.values():
            yield from (future.result() for future in futures)

    def _referrers(self, on: Digest) -> Listed:
        try:
            return Listed(on, "referrer", self._store.referrers(on))
        except StoreError as error:
            return Listed(on, "referrer", error)

    def _tagged(self, on: Digest, suffix: CosignSuffix) -> Listed:
        try:
            found = self._store.cosign_tag(on, suffix)
        except StoreError as error:
            return Listed(on, "cosign-tag", error)
        return Listed(on, "cosign-tag", (found,) if found is not None else ())
