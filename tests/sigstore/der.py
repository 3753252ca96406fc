"""As much of DER (X.690) as a timestamp needs."""

from __future__ import annotations


def tlv(tag: int, *parts: bytes) -> bytes:
    """One value: tag, length, content."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(number: int) -> bytes:
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for number in (first * 40 + second, *rest):
        chunk = [number & 0x7F]
        while number := number >> 7:
            chunk.insert(0, 0x80 | (number & 0x7F))
        encoded += bytes(chunk)
    return tlv(6, bytes(encoded))


def read(content: bytes, start: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and end of the value that begins here."""
    tag, length, start = content[start], content[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(content[start : start + size], "big"), start + size
    return tag, content[start : start + length], start + length


def items(content: bytes) -> list[tuple[int, bytes]]:
    """Tag and whole encoding of each value in a row."""
    found, start = [], 0
    while start < len(content):
        tag, _, end = read(content, start)
        found.append((tag, content[start:end]))
        start = end
    return found
