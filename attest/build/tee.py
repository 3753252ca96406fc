"""A child's output, live on our standard error, with its end kept.

A terminal is given to the child as it is, because BuildKit draws its progress there; what it says cannot be kept then.
"""

from __future__ import annotations

import codecs
import os
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TextIO

_KEPT: Final = 64 * 1024  # characters: BuildKit ends with the failing step's last lines and one line that sums up
_CHUNK: Final = 64 * 1024
_PATIENCE_SECONDS: Final = 5.0  # a grandchild that outlives the build may hold the pipe open


class Tee:
    """`with Tee(stream) as tee:` start a child that writes to `tee.descriptor`; when it has ended, ask `tee.tail()`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._kept = ""
        self._reader: threading.Thread | None = None
        self.descriptor = -1

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self.descriptor = self._stream.fileno()
            return self
        source, self.descriptor = os.pipe()
        self._reader = threading.Thread(target=self._copy, args=(source,), daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    def tail(self) -> str:
        """The end of what was said; "" where it went to a terminal."""
        self._finish()
        return self._kept

    def _finish(self) -> None:
        if self._reader is not None and self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            self._reader.join(_PATIENCE_SECONDS)

    def _copy(self, source: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with os.fdopen(source, "rb", buffering=0) as pipe:
            while chunk := pipe.read(_CHUNK):
                words = decoder.decode(chunk)
                self._kept = (self._kept + words)[-_KEPT:]
                with suppress(OSError, ValueError):  # nobody reads us any more: the build goes on
                    self._stream.write(words)
                    self._stream.flush()
