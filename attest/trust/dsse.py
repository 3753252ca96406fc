"""Dead Simple Signing Envelope v1.0: what exactly is signed."""

from __future__ import annotations


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE(type, body) (DSSE protocol, "Signature Definition"): the bytes that a signature is made over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
