"""Transparency logs in memory: Rekor v1 and v2, with a Merkle tree (RFC 6962) and checkpoints (C2SP signed notes)."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.authority import Key, key_id, new_key, text

NAME_V1: Final = "rekor1.example.test"  # Go's verifiers want it to be the host of the log's address
NAME_V2: Final = "rekor2.example.test"

Entry = dict[str, Any]


@dataclass
class Tree:
    """Grows by one leaf at a time. It starts with one: Go's and JavaScript's writers omit an index of 0."""

    leaves: list[bytes] = field(default_factory=lambda: [hashlib.sha256(b"\0seed").digest()])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, body: bytes) -> tuple[int, bytes, list[bytes]]:
        """The new leaf's index, the root that includes it, and the path between them."""
        with self.lock:
            self.leaves.append(hashlib.sha256(b"\0" + body).digest())
            return len(self.leaves) - 1, _root(self.leaves), _path(len(self.leaves) - 1, self.leaves)


def _split(leaves: list[bytes]) -> int:
    return 1 << ((len(leaves) - 1).bit_length() - 1)


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    at = _split(leaves)
    return hashlib.sha256(b"\1" + _root(leaves[:at]) + _root(leaves[at:])).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    at = _split(leaves)
    if index < at:
        return [*_path(index, leaves[:at]), _root(leaves[at:])]
    return [*_path(index - at, leaves[at:]), _root(leaves[:at])]


def _checkpoint(origin: str, size: int, root: bytes, signature: bytes) -> str:
    return f"{_note(origin, size, root)}\n\N{EM DASH} {origin.split(' ')[0]} {text(signature)}\n"


def _note(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{text(root)}\n"


def _digest(content: bytes) -> Entry:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


@dataclass
class LogV1:
    """`signing_key` may be another than the one that is trusted: then it lies. `late` is by how many seconds it is."""

    key: Key = field(default_factory=new_key)
    signing_key: Key | None = None
    tree: Tree = field(default_factory=Tree)
    late: int = 0

    def add(self, request: Mapping[str, Any]) -> Entry:
        """The answer to POST /api/v1/log/entries."""
        return self.keep({**request, "spec": self._canonical(request)})

    def keep(self, kept: Entry) -> Entry:
        """The same for what the log keeps, whatever it is."""
        body = rfc8785.dumps(kept)
        index, root, path = self.tree.append(body)
        entry: Any = {
            "body": text(body),
            "integratedTime": int(time.time()) + self.late,
            "logID": key_id(self.key).hex(),
            "logIndex": index,
        }
        proof = {
            "checkpoint": self.checkpoint(index + 1, root),
            "hashes": [node.hex() for node in path],
            "logIndex": index,
            "rootHash": root.hex(),
            "treeSize": index + 1,
        }
        promise = text(self._sign(rfc8785.dumps(entry)))
        verification = {"signedEntryTimestamp": promise, "inclusionProof": proof}
        return {self.tree.leaves[index].hex(): {**entry, "verification": verification}}

    def checkpoint(self, size: int, root: bytes) -> str:
        """Signed for a tree of this size, whether it has it or not."""
        origin = f"{NAME_V1} - 1"
        return _checkpoint(origin, size, root, key_id(self.key)[:4] + self._sign(_note(origin, size, root).encode()))

    def _canonical(self, request: Mapping[str, Any]) -> Any:
        """What the log keeps of a DSSE envelope."""
        assert request["kind"] == "dsse"
        proposed = request["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        pairs = zip(envelope["signatures"], proposed["verifiers"], strict=True)
        return {
            "envelopeHash": _digest(proposed["envelope"].encode()),
            "payloadHash": _digest(base64.b64decode(envelope["payload"])),
            "signatures": [{"signature": signed["sig"], "verifier": verifier} for signed, verifier in pairs],
        }

    def _sign(self, content: bytes) -> bytes:
        return (self.signing_key or self.key).sign(content, ec.ECDSA(hashes.SHA256()))


@dataclass
class LogV2:
    """Rekor v2 keeps a hashedrekord of an envelope's pre-authentication encoding, and no time."""

    key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    tree: Tree = field(default_factory=Tree)

    @property
    def id(self) -> bytes:
        """The key's name in a signed note (C2SP; 1 is Ed25519)."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return hashlib.sha256(f"{NAME_V2}\n".encode() + b"\1" + raw).digest()

    def add(self, request: Mapping[str, Any]) -> Entry:
        """The answer to POST /api/v2/log/entries."""
        asked = request["hashedRekordRequestV002"]
        data = {"algorithm": "SHA2_256", "digest": asked["digest"]}
        spec = {"hashedRekordV002": {"data": data, "signature": asked["signature"]}}
        body = rfc8785.dumps({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        index, root, path = self.tree.append(body)
        signed = self.key.sign(_note(NAME_V2, index + 1, root).encode())
        proof = {
            "logIndex": str(index),
            "rootHash": text(root),
            "treeSize": str(index + 1),
            "hashes": [text(node) for node in path],
            "checkpoint": {"envelope": _checkpoint(NAME_V2, index + 1, root, self.id[:4] + signed)},
        }
        return {
            "logIndex": str(index),
            "logId": {"keyId": text(self.id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionPromise": None,
            "canonicalizedBody": text(body),
            "inclusionProof": proof,
        }
