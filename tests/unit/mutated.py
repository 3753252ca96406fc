"""JSON documents gone wrong: real ones with values replaced, keys dropped and repeated, bytes flipped, cut, spliced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

Json = object


@dataclass(frozen=True, slots=True)
class Text:
    """What stands in the document as it is, whether it is JSON or not."""

    written: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """An object that names one of its keys once more."""

    pairs: tuple[tuple[str, Json], ...]


# What a reader that believes in its format does not expect in any place.
STRANGE: Final = (
    *("null", "true", "0", "-1", "1.5", "-0.0", "1e999", "NaN", "9223372036854775808", "9" * 5_000),
    *("[]", "{}", "[null]", "[[]]", '{"": {}}', '{"a": [{}, null, 1]}', "[" * 300 + "]" * 300, "[" * 9_000),
    *('""', '"\\ud800"', '"\\u0000"', '"\\u001b[2J\\u202e"', '"\U0001f600\u4e00"', '"' + "x" * 100_000 + '"', '"%"'),
    *('"sha256:"', f'"sha256:{"0" * 64}"', f'"sha512:{"0" * 128}"', f'"SHA256:{"A" * 64}"', '"sha256:../../x"'),
    *('"https://[::1"', '"https://[x]/a"', '"http://h:99999999/x.git"', '"http://h:x/y"', '"//"', '"a:b"', '"#"'),
    *('"https://h/r.git?ref=%ff&tag=\\ud800#refs/heads/:a:b"', '"git+https://h/r@refs/tags/v1"', '"=="', '"AAA"'),
    *('"application/vnd.oci.image.index.v1+json"', '"application/vnd.oci.image.manifest.v1+json"', '"-dirty"'),
)


def structured(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of these documents with a few of its values replaced, or keys dropped, repeated or spelled otherwise."""
    return st.builds(_changed, st.sampled_from(seeds), st.lists(_change(), min_size=1, max_size=4))


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of these documents with its bytes damaged; what was cut may go on as another one."""
    at = st.floats(0, 1, exclude_max=True)
    document = st.sampled_from(seeds)
    flipped = st.builds(_flipped, document, st.lists(st.tuples(at, st.integers(0, 255)), min_size=1, max_size=8))
    cut = st.builds(lambda content, share: content[: int(len(content) * share)], document, at)
    spliced = st.builds(
        lambda one, other, end, start: one[: int(len(one) * end)] + other[int(len(other) * start) :],
        document,
        document,
        at,
        at,
    )
    return flipped | cut | spliced


Change = tuple[list[int], str, str]


def _change() -> st.SearchStrategy[Change]:
    """A way down the document (which child at each step), what is done there, and what is put there."""
    step = st.integers(0, 1 << 16)
    way = st.lists(step, min_size=1, max_size=4) | st.lists(step, min_size=9, max_size=9)  # the long ones reach a leaf
    deed = st.sampled_from(["replace", "replace", "replace", "drop", "repeat", "spell", "wrap"])
    return st.tuples(way, deed, st.sampled_from(STRANGE))


def _changed(seed: bytes, changes: list[Change]) -> bytes:
    document = json.loads(seed)
    for way, deed, strange in changes:
        document = _after(document, way, deed, Text(strange))
    return _written(document).encode("utf-8", "surrogatepass")


def _after(value: Json, way: Sequence[int], deed: str, strange: Text) -> Json:
    """The value with one thing done below it, on this way or where the way ends."""
    if not isinstance(value, (dict, list)) or not value or not way:
        return strange
    pairs: list[tuple[str | int, Json]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    at = way[0] % len(pairs)
    key, below = pairs[at]
    if len(way) > 1 and isinstance(below, (dict, list)) and below:
        pairs[at] = (key, _after(below, way[1:], deed, strange))
    else:
        pairs[at : at + 1] = _done(key, below, deed, strange)
    if isinstance(value, list):
        return [item for _, item in pairs]
    named = tuple((str(name), item) for name, item in pairs)
    return dict(named) if len({name for name, _ in named}) == len(named) else Repeated(named)


def _done(key: str | int, value: Json, deed: str, strange: Text) -> list[tuple[str | int, Json]]:
    match deed:
        case "drop":
            return []
        case "repeat":
            return [(key, value), (key, strange)]
        case "spell":
            return [(key.swapcase() if isinstance(key, str) else key, value)]
        case "wrap":
            return [(key, [value])]
    return [(key, strange)]


def _written(value: Json) -> str:
    if isinstance(value, Text):
        return value.written
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, (dict, Repeated)):
        pairs = value.pairs if isinstance(value, Repeated) else value.items()
        return "{" + ",".join(f"{json.dumps(key)}:{_written(item)}" for key, item in pairs) + "}"
    return json.dumps(value)


def _flipped(content: bytes, places: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for share, value in places:
        changed[int(len(changed) * share)] = value
    return bytes(changed)
