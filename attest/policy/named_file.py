"""Files that people name, and may pin by digest: FILE@sha256:HEX is FILE only as long as its bytes are those."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attest.errors import UsageError
from attest.reference import Digest

_SIZE: Final = 1024 * 1024  # bytes; a policy of 10,000 denied digests is less, and so is every trusted root
_PIN: Final = re.compile(r"(.+)@(sha(?:256|512):.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file, and the digest of its bytes where that is pinned."""

    name: str
    pin: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> NamedFile:
        """Read FILE or FILE@sha256:HEX. Raises InvalidReference for a pin that is none."""
        pinned = _PIN.fullmatch(text)
        return cls(pinned[1], Digest.parse(pinned[2])) if pinned else cls(text)

    def read(self, what: str, remedy: str = "") -> bytes:
        """Its bytes; `what` is what people call it. Raises UsageError where there are none, or they are not those."""
        content = self._bytes(what, remedy)
        if self.pin is not None and not self.pin.matches(content):
            raise UsageError(
                f"{self.name}: not the {what} that was pinned",
                f"Expected {self.pin}, found {Digest.of(content, self.pin.algorithm)}.",
                "Somebody changed the file, or the pin is old. Read the change before you pin it.",
            )
        return content

    def _bytes(self, what: str, remedy: str) -> bytes:
        try:
            if not stat.S_ISREG(Path(self.name).stat().st_mode):  # a pipe that nobody writes to would hold a gate up
                raise UsageError(f"{self.name}: cannot read the {what}: not a regular file", "", remedy)
            with Path(self.name).open("rb") as file:
                content = file.read(_SIZE + 1)
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            why = getattr(error, "strerror", "no name of a file")
            raise UsageError(f"{self.name}: cannot read the {what}: {why}", "", remedy) from None
        if len(content) > _SIZE:
            raise UsageError(f"{self.name}: not a {what}: it is larger than {_SIZE // 1024} KiB")
        return content
