"""How far somebody is believed (SLSA v1.2, "Verifying artifacts", step 1): the level, for which builders, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Scope:
    """What a root of trust is good for. Without one: Build L1, whatever the builder, at any time.

    `is_isolated` says that who uses the builder cannot write its provenance; `builders` are ids (empty: any), of which
    one that names no ref stands for every ref. `origin` is where the root was named.
    """

    level: int = 1
    builders: tuple[str, ...] = ()
    is_isolated: bool = False
    not_before: datetime | None = None
    not_after: datetime | None = None
    origin: str = ""

    @property
    def has_window(self) -> bool:
        """Whether signatures of some time only are accepted."""
        return self.not_before is not None or self.not_after is not None

    def lets_in(self, start: datetime, end: datetime) -> bool:
        """Whether all of the time from `start` to `end`, in which it was signed, lies in the window."""
        return (self.not_before is None or start >= self.not_before) and (
            self.not_after is None or end <= self.not_after
        )

    def covers(self, builder: str) -> bool:
        """Whether this root speaks for a builder."""
        return not self.builders or any(same_builder(builder, expected) for expected in self.builders)

    def __str__(self) -> str:
        start = f"from {self.not_before:%Y-%m-%dT%H:%M:%SZ}" if self.not_before else ""
        end = f"until {self.not_after:%Y-%m-%dT%H:%M:%SZ}" if self.not_after else ""
        return " ".join(filter(None, (start, end)))


ANYWHERE: Final = Scope()


def widest(scopes: Iterable[Scope], builder: str) -> Scope:
    """Of several roots that name one signer, the one that speaks for this builder and believes it furthest.

    Where none speaks for it, nothing more than Build L1 is believed; `origin` is then that of the first.
    """
    known = tuple(scopes) or (ANYWHERE,)
    covering = [scope for scope in known if scope.covers(builder)]
    if covering:
        return max(covering, key=lambda scope: (scope.level, scope.is_isolated))
    return Scope(builders=known[0].builders, origin=known[0].origin)


def same_builder(builder: str, expected: str) -> bool:
    """Whether a builder id is the expected one: without a ref any ref will do, `@v1` is short for `@refs/tags/v1`."""
    name, _, ref = builder.partition("@refs/")
    wanted, at, version = expected.rpartition("@")
    if builder == expected or (ref and name == expected):
        return True
    # A slash behind it: then the @ stands before a host, and not before a version.
    return bool(at and ref) and "/" not in version and name == wanted and ref == f"tags/{version}"
