"""Time limits and new attempts around calls into a library that has neither (sigstore's clients wait for ever).

A socket's own limit begins anew with every byte that drips in, and sigstore offers none; so the call runs in a thread
of its own, which is left behind when its time is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Generic, TypeVar

from attest.errors import Unreachable

T = TypeVar("T")


class TookTooLong(Unreachable):
    """No answer in time; another attempt would take as long again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` for each call; `attempts` where the answer is that there is none, with a growing pause between them."""

    seconds: float = 60.0  # Rekor v2 answers after its next checkpoint; its clients are asked to allow 20 s
    attempts: int = 3
    pause: float = 1.0

    def within(self, where: str, call: Callable[[], T]) -> T:
        """The call's result or exception. Raises TookTooLong."""
        outcome = _Outcome[T]()
        # A daemon: the interpreter would wait at its end for any other thread, as long as the server likes.
        thread = threading.Thread(target=outcome.of, args=(call,), daemon=True)
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            raise TookTooLong(f"{where}: no whole answer within {self.seconds:g} s", "", "Try again later.")
        return outcome.get()

    def persistently(self, call: Callable[[], T]) -> T:
        """Repeat a call that raises Unreachable, as its author says that it may be repeated."""
        for attempt in range(1, self.attempts):
            try:
                return call()
            except TookTooLong:
                raise
            except Unreachable:
                time.sleep(self.pause * attempt)
        return call()


PATIENCE: Final = Patience()


@dataclass(slots=True)
class _Outcome(Generic[T]):
    """What a thread came to, carried over to who waits for it: a value, or whatever was raised."""

    values: list[T] = field(default_factory=list)
    error: BaseException | None = None

    def of(self, call: Callable[[], T]) -> None:
        with self:
            self.values.append(call())

    def get(self) -> T:
        if self.error is not None:
            raise self.error
        return self.values[0]

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> bool:
        self.error = error
        return True
