"""Regular expressions (RE2) in a policy: whether one can be used, and what else it would match.

Whether an expression says more than its writer means is found by trying: an identity that it is meant for is made of
it, changed as somebody would change it who wants to get in, and matched. So what is said of an expression is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attest.policy.pattern import Pattern
from attest.trust.expression import compiled

MEANT_AS_EXPRESSION: Final = "looks like an expression, which stands between slashes; this stands for itself"
_PREFIX: Final = 32  # bytes of what an expression matches first that are looked at
_OPEN_PLACES: Final = 8  # that are tried; who owns the project stands before the second
_HOST: Final = re.compile(r"\^?https:(?:/|\\/)(?:/|\\/)([^/]+)")
_GROUP: Final = re.compile(r"\((?:\?:)?([^()|]*)(?:\|[^()]*)?\)")
_WILD: Final = re.compile(r"(?:\.|\[(?:\\.|[^\]\\])*\]|\\[wSD])(?:[*+?]|\{\d+(?:,\d*)?\})\??")
_PIECE: Final = re.compile(rf"(?P<wild>{_WILD.pattern})|\\d[*+]?|\\(?P<escaped>[^A-Za-z0-9])|(?P<any>.)", re.DOTALL)
_FILLINGS: Final = ("a", "1", "1.0", "v1.0.0", "main")
_NAME: Final = re.compile(r"[A-Za-z0-9_]$")
_OWNER: Final = re.compile(r"https://[^/]+/")
_OWNER_S_NAME: Final = re.compile(r"https://[^/]+/[^/]+")
_MORE: Final = ("-evil", "-evil/app", "evil", "evil/app")
_REFS: Final = ("refs/heads/mallory", "refs/merge-requests/1/head", "refs/pull/1/merge")
_STRANGERS: Final = (
    "mallory@evil.test",
    "https://{host}/mallory/evil//.gitlab-ci.yml@refs/heads/main",
    "https://{host}/mallory/evil/.github/workflows/evil.yml@refs/heads/main",
)


def is_expression(text: str) -> bool:
    """Whether a text is written between two slashes."""
    return len(text) > 1 and text.startswith("/") and text.endswith("/")


def looks_like_expression(text: str) -> bool:
    """Whether an exact text holds what only expressions do."""
    return not is_expression(text) and any(mark in text for mark in ("*", "\\.", "["))


def never_begins_with(expression: str, beginning: str) -> bool:
    """Whether it cannot match any text with this (ASCII) beginning."""
    try:
        lowest, highest = compiled(f"^(?:{expression})$").possiblematchrange(_PREFIX)
    except ValueError:  # nothing is known of it
        return False
    first, last = beginning.encode(), beginning.encode() + b"\xff"
    return bool(highest) and (bytes(highest) < first or bytes(lowest) > last)


def why_unusable(text: str) -> str:
    """Why a text is an expression that nothing can be done with; "" for every other text."""
    if text == "//":
        return "an expression of nothing between two slashes"
    if not is_expression(text):
        return ""
    try:
        compiled(text[1:-1])
    except ValueError as error:
        return f"not an expression that RE2 takes ({str(error)[:100]})"
    return ""


@dataclass(frozen=True, slots=True)
class Identities:
    """The identities of pipelines that an expression matches; `host` is that of the platform they run on."""

    expression: str
    host: str

    def faults(self) -> Iterator[str]:
        """What is wrong with it, in words; nothing where nothing was found."""
        if self.takes_strangers:
            yield "matches everybody's pipelines"
            return
        if self.host and self.host not in self.expression.replace("\\", ""):
            yield f"does not name the host {self.host}, so the pipelines of another one may match"
        if loose := _loose_dot(self.expression):
            yield f"has a dot in {loose} that stands for any letter; write \\."
        if neighbour := self._neighbour():
            yield f"matches {neighbour} too; end the name with a slash"

    @property
    def takes_strangers(self) -> bool:
        """Whether it matches somebody whom no expression can be meant for, or any owner of a project of some name."""
        strangers = (stranger.format(host=self.host or "example.com") for stranger in _STRANGERS)
        others = (f"{before}mallory{after}" for before, after in self._open_places() if _OWNER.fullmatch(before))
        return any(self._matches(name) for name in (*strangers, *others))

    @property
    def takes_any_ref(self) -> bool:
        """Whether a pipeline for any branch and any merge request matches."""
        sample = next((sample for sample in self._samples() if self._matches(sample)), "")
        name, at, _ = sample.rpartition("@")
        names = (name,) if at else (f"{sample}//.gitlab-ci.yml", f"{sample}/.github/workflows/release.yml")
        return any(all(self._matches(f"{name}@{ref}") for ref in _REFS) for name in names)

    def _neighbour(self) -> str:
        """An identity under a longer name: `acme-evil` where `acme` is meant."""
        for before, after in self._open_places():
            if "@" in before or not (_NAME.search(before) or _OWNER_S_NAME.fullmatch(before)):
                continue
            for more in _MORE:
                if self._matches(found := f"{before}{more}{after}"):
                    return found
        return ""

    def _open_places(self) -> Iterator[tuple[str, str]]:
        """What stands before and after each part that stands for anything."""
        for filling in _FILLINGS:
            pieces = list(_pieces(self.expression, filling))
            open_ones = [index for index, (_, is_wild) in enumerate(pieces) if is_wild]
            for index in open_ones[:_OPEN_PLACES]:
                yield "".join(text for text, _ in pieces[:index]), "".join(text for text, _ in pieces[index + 1 :])

    def _samples(self) -> Iterator[str]:
        """Identities of which some match, unless the expression is too intricate."""
        return ("".join(text for text, _ in _pieces(self.expression, filling)) for filling in _FILLINGS)

    def _matches(self, name: str) -> bool:
        return Pattern(f"/{self.expression}/").matches(name)


def _pieces(expression: str, filling: str) -> Iterator[tuple[str, bool]]:
    """The expression as a text that it should match, in pieces; True marks those that stand for anything."""
    plain = expression.removeprefix("^").removesuffix("$")
    for _ in range(4):  # groups in groups: the first alternative of each
        plain = _GROUP.sub(r"\1", plain)
    for piece in _PIECE.finditer(plain):
        if piece["wild"]:
            yield filling, True
        else:
            yield piece["escaped"] or piece["any"] or "1", False


def _loose_dot(expression: str) -> str:
    """The host, where one of its dots is not escaped."""
    host = _HOST.match(expression)
    return host[1] if host and re.search(r"(?<!\\)\.(?![*+?{])", host[1]) else ""
