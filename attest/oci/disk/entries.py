"""What an entry of index.json is: an image under a name or without one, a list of referrers, or something of cosign's.

cosign 1 and 2 keep what they say of an image under tags; `cosign save` writes one image, and what it says of it as
entries that have a kind instead of a name (cosign's pkg/oci/layout).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attest.errors import Unreadable
from attest.oci.descriptor import Descriptor
from attest.oci.interface import CosignSuffix, cosign_tag
from attest.oci.referrer import REF_NAME, is_fallback_tag, unique
from attest.reference import Digest

CONTAINERD_NAME: Final = "io.containerd.image.name"

_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(?:sig|att|sbom)")
_KIND: Final = "kind"
_SAVED_IMAGES: Final = ("dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex")
_SAVED_KINDS: Final[Mapping[CosignSuffix, str]] = {  # attached SBOMs are not saved
    "sig": "dev.cosignproject.cosign/sigs",
    "att": "dev.cosignproject.cosign/atts",
}
_OFFERED: Final = 20  # names in one message


def tags_of(entry: Descriptor) -> tuple[str, ...]:
    """What an entry can be asked for by: `1`, or the tag of a full name as containerd and BuildKit write it."""
    names = (entry.annotations.get(REF_NAME, ""), entry.annotations.get(CONTAINERD_NAME, ""))
    tags = (name.partition("@")[0].rpartition(":")[2] for name in names if name)
    return tuple(dict.fromkeys(tag for tag in tags if tag and "/" not in tag))


def is_about_another(entry: Descriptor) -> bool:
    """Whether its name or kind says that it is no image, but something said of one."""
    if _kind(entry) in _SAVED_KINDS.values():
        return True
    return any(is_fallback_tag(tag) or _COSIGN_TAG.fullmatch(tag) for tag in tags_of(entry))


def cosign_entry(entries: Sequence[Descriptor], subject: Digest, suffix: CosignSuffix, where: str) -> Descriptor | None:
    """The entry of cosign's tag for `subject`, or what `cosign save` kept beside it.

    Raises Unreadable for a layout that several were saved into: what belongs to which could only be guessed.
    """
    tag = cosign_tag(subject, suffix)
    tagged = unique(entry for entry in entries if tag in tags_of(entry))
    if len(tagged) > 1:
        raise Unreadable(f"{where}: {len(tagged)} entries are tagged {tag}, expected one")
    if tagged:
        return tagged[0]
    images = saved_images(entries)
    kept = unique(entry for entry in entries if _kind(entry) == _SAVED_KINDS.get(suffix))
    if subject not in images or not kept:
        return None
    if len(images) > 1 or len(kept) > 1:
        what = f"{len(kept)} of kind {_SAVED_KINDS[suffix]} beside {len(images)} images"
        raise Unreadable(f"{where}: {what}, expected one of each", "", "Save each image to a directory of its own.")
    return kept[0]


def saved_images(entries: Iterable[Descriptor]) -> frozenset[Digest]:
    """What `cosign save` wrote as the image of this layout."""
    return frozenset(entry.digest for entry in entries if _kind(entry) in _SAVED_IMAGES)


def offer(name: str, images: Sequence[Descriptor]) -> str:
    """What can be asked for in this layout, as people would type it; by digest where a tag would not do."""
    tags = Counter(tag for image in images for tag in tags_of(image)[:1])
    names = [
        f"{name}:{tag}" if tags[tag] == 1 else f"{name}@{image.digest}"
        for image in images
        for tag in (tags_of(image) or ("",))[:1]
    ]
    more = f" and {len(names) - _OFFERED} more" if len(names) > _OFFERED else ""
    return f"There is: {', '.join(names[:_OFFERED])}{more}." if names else "There is no image in it."


def _kind(entry: Descriptor) -> str:
    return entry.annotations.get(_KIND, "")
