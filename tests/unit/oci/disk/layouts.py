"""Layouts with two images, opened as a user would."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attest.oci.descriptor import Descriptor
from attest.oci.disk.layout import Layout
from attest.oci.interface import Artifact
from attest.reference import Digest, LayoutReference, parse_reference
from tests.unit.oci.samples import image, referrer

ASSETS: Final = Path(__file__).parents[3] / "assets" / "buildkit"
ONE: Final = image(1)
TWO: Final = image(2)
ONE_DIGEST: Final = Digest.of(ONE)
TWO_DIGEST: Final = Digest.of(TWO)


def opened(path: Path, rest: str = "") -> Layout:
    """The layout at this path, asked for `rest`: a tag, a digest or nothing."""
    reference = parse_reference(f"oci-layout:{path}{rest}")
    assert isinstance(reference, LayoutReference)
    return Layout(reference)


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def push_blob(store: Layout, content: bytes) -> Descriptor:
    """A blob comes in with something that is attached."""
    store.attach([Artifact(referrer(ONE), ONE_DIGEST, (content,))])
    return Descriptor.of(content, "")
