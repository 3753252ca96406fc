"""OCI layouts in all conditions: the recorded one that ships with attest, and what people and accidents make of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attest.cli.demo import COMMIT, RECORDING, REPOSITORY, TAG
from attest.oci.descriptor import IN_TOTO
from attest.reference import Digest
from tests.cli.running import attest

SOURCE: Final = ("--source-repository", REPOSITORY, "--source-commit", COMMIT, "--source-tag", TAG)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout on disk, to be damaged."""

    path: Path

    @classmethod
    def copy(cls, source: Path, path: Path) -> Layout:
        # BuildKit's blobs are read-only, and only the content is copied.
        shutil.copytree(source, path, copy_function=shutil.copyfile)
        return cls(path)

    @property
    def entries(self) -> list[Document]:
        """What index.json lists: the image first, then its referrers."""
        entries: list[Document] = json.loads((self.path / "index.json").read_bytes())["manifests"]
        return entries

    @property
    def image(self) -> str:
        """The digest of the image's index."""
        return str(self.entries[0]["digest"])

    def place(self, digest: str) -> Path:
        return self.path / "blobs" / digest.replace(":", "/")

    def read(self, digest: str) -> Document:
        document: Document = json.loads(self.place(digest).read_bytes())
        return document

    def write(self, document: Document) -> Document:
        """Store it and describe it."""
        content = json.dumps(document).encode()
        digest = str(Digest.of(content))
        self.place(digest).write_bytes(content)
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(content)}

    def list(self, *entries: Document) -> None:
        """List these, the first as the image."""
        named = {**entries[0], "annotations": {"org.opencontainers.image.ref.name": TAG}}
        index = {"schemaVersion": 2, "manifests": [named, *entries[1:]]}
        (self.path / "index.json").write_text(json.dumps(index))

    def change(self, digest: str) -> None:
        """Change one byte in its middle."""
        content = bytearray(self.place(digest).read_bytes())
        content[len(content) // 2] ^= 1
        self.place(digest).write_bytes(content)


def make_ground(folder: Path, env: Mapping[str, str]) -> None:
    """Keys, and a layout for each condition, named so."""
    for name in ("attest", "other"):
        write_key_pair(folder / name)
    unsigned = Layout.copy(RECORDING, folder / "unsigned")
    signed = Layout.copy(RECORDING, folder / "signed")
    sign(signed, folder, env)

    index = unsigned.read(unsigned.image)
    platform, attestations = index["manifests"]
    bare = Layout.copy(RECORDING, folder / "bare")
    bare.list(platform)
    _hang_on(_another_image(folder, env), Layout.copy(RECORDING, folder / "foreign"))

    statement = unsigned.read(attestations["digest"])["layers"][0]["digest"]
    bundle = signed.read(signed.entries[1]["digest"])["layers"][0]["digest"]
    for what, digest in {"index": signed.image, "statement": statement, "bundle": bundle}.items():
        Layout.copy(signed.path, folder / f"changed-{what}").change(digest)
        lost = Layout.copy(signed.path, folder / f"lost-{what}")
        lost.place(digest).unlink()
    for what, digest in {"manifest": platform["digest"], "referrer": signed.entries[1]["digest"]}.items():
        Layout.copy(signed.path, folder / f"lost-{what}").place(digest).unlink()
    (Layout.copy(signed.path, folder / "broken").path / "index.json").write_text('{"manifests": [')
    (folder / "empty").mkdir()


def _another_image(folder: Path, env: Mapping[str, str]) -> Layout:
    """Genuine, of the same source, and signed with the same key."""
    layout = Layout.copy(RECORDING, folder / "other")
    index = layout.read(layout.image)
    platform, attestations = index["manifests"]
    manifest = layout.read(attestations["digest"])
    statement = json.dumps(layout.read(manifest["layers"][0]["digest"]))
    title = {"annotations": {"org.opencontainers.image.title": "Another image"}}
    changed = layout.write({**layout.read(platform["digest"]), **title})
    about = json.loads(statement.replace(platform["digest"].partition(":")[2], changed["digest"].partition(":")[2]))
    layer = {**manifest["layers"][0], **layout.write({"mediaType": "", **about}), "mediaType": IN_TOTO}
    held = layout.write({**manifest, "layers": [layer], "subject": changed})
    reference = {"vnd.docker.reference.digest": changed["digest"]}
    entries = [
        {**platform, **changed},
        {**attestations, **held, "annotations": attestations["annotations"] | reference},
    ]
    layout.list(layout.write({**index, "manifests": entries}))
    sign(layout, folder, env)
    return layout


def sign(layout: Layout, folder: Path, env: Mapping[str, str]) -> None:
    """As a job does that has built it."""
    image = f"oci-layout:{layout.path.relative_to(folder)}@{layout.image}"
    done = attest("sign", image, "--key", "attest.key", *SOURCE, cwd=folder, env=env)
    assert done.code == 0, done


def write_key_pair(stem: Path) -> None:
    """STEM.key and STEM.pub."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    stem.with_suffix(".key").write_bytes(private)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    stem.with_suffix(".pub").write_bytes(public)


def _hang_on(source: Layout, target: Layout) -> None:
    """Hang everything that was signed about one image onto another one, as who can write to a store can."""
    image = target.entries[0]
    hung = []
    for entry in source.entries[1:]:
        referrer = source.read(entry["digest"])
        if referrer["subject"]["digest"] != source.image:
            continue
        bundle = referrer["layers"][0]["digest"]
        shutil.copyfile(source.place(bundle), target.place(bundle))
        subject = {key: image[key] for key in ("mediaType", "digest", "size")}
        hung.append(target.write({**referrer, "subject": subject}))
    target.list(image, *hung)
