"""Asking side by side: what can be asked at the same time costs one round, not many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from attest.errors import StoreError
from attest.oci import limits

T = TypeVar("T")
R = TypeVar("R")


def ask_all(question: Callable[[T], R], about: Iterable[T]) -> list[R | StoreError]:
    """Ask the same question about each item, at most limits.PARALLEL at a time; answers are in the items' order.

    A StoreError is an answer like any other: one unreachable blob does not hide what the others say.
    """
    items = list(about)
    if len(items) < 2:
        return [_answer(question, item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # not needed for one question

    pool = ThreadPoolExecutor(min(limits.PARALLEL, len(items)))
    try:
        return list(pool.map(lambda item: _answer(question, item), items))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # nothing is left to wait for, unless somebody pressed Ctrl-C


def _answer(question: Callable[[T], R], item: T) -> R | StoreError:
    try:
        return question(item)
    except StoreError as error:
        return error
