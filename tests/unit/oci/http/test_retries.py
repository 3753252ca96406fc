from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import Throttled, Unreachable
from attest.oci import limits
from attest.oci.http.registry import Registry
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.http.registries import DIGEST, ONE, MemoryRegistry, error, host_of, open_at, raw_server
from tests.unit.oci.samples import referrer


def _failing(times: int, answer: Callable[[], Response]) -> Callable[[Request], Response | None]:
    left = [times]

    def fail(request: Request) -> Response | None:
        left[0] -= 1
        return answer() if left[0] >= 0 else None

    return fail


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_failure_that_passes_is_waited_for(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], status: int
) -> None:
    memory.before = _failing(limits.RETRIES, lambda: Response(status=status))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert len(waits) == limits.RETRIES
    assert all(0.1 <= wait <= 0.8 for wait in waits)
    assert waits == sorted(waits)


def test_a_failure_of_the_server_itself_is_not_tried_again(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float]
) -> None:
    memory.before = _failing(1, lambda: Response(status=500))
    with pytest.raises(Unreachable):
        open_at(host_of(server), wait=waits.append).resolve()
    assert waits == []


def test_retry_after_is_waited_for(memory: MemoryRegistry, server: HTTPServer, waits: list[float]) -> None:
    memory.before = _failing(1, lambda: error(429, "TOOMANYREQUESTS", "slow down", Retry_After="7"))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert 7 <= waits[0] <= 8


def test_retry_after_may_be_a_date(memory: MemoryRegistry, server: HTTPServer, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    memory.before = _failing(1, lambda: error(503, "X", "", Retry_After=later))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert 2 <= waits[0] <= 6


@pytest.mark.parametrize("later", ["soon", "-5", "Fri, 99 Foo 99999 99:99:99 GMT"])
def test_a_retry_after_that_says_nothing_is_no_obstacle(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], later: str
) -> None:
    memory.before = _failing(1, lambda: error(429, "X", "", Retry_After=later))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert waits[0] < 1


@pytest.mark.parametrize("later", ["11", "3600", "9" * 400])
def test_a_registry_that_asks_for_more_patience_is_throttled_at_once(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], later: str
) -> None:
    memory.before = _failing(1, lambda: error(429, "TOOMANYREQUESTS", "slow down", Retry_After=later))
    with pytest.raises(Throttled) as caught:
        open_at(host_of(server), wait=waits.append).resolve()
    assert later[:200] in caught.value.remedy
    assert waits == []


def test_a_refused_connection_is_tried_again_and_then_unreachable(waits: list[float]) -> None:
    with raw_server() as (host, _):
        pass
    with pytest.raises(Unreachable, match=f"{host}: no connection"):
        open_at(host, wait=waits.append).resolve()
    assert len(waits) == limits.RETRIES


def test_what_the_registry_says_it_did_not_do_is_asked_again(memory: MemoryRegistry, store: Registry) -> None:
    refusals = iter([error(429, "TOOMANYREQUESTS", "slow down")] * 2)
    memory.before = lambda request: next(refusals, None) if request.method == "POST" else None

    store.push_blob(b"new", "")

    assert list(memory.blobs.values())[-1] == b"new"
    assert [method for method, _ in memory.seen] == ["HEAD", "POST", "POST", "POST", "PUT"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_opening_an_upload_is_tried_again_and_sending_into_it_is_not(
    memory: MemoryRegistry, store: Registry, status: int
) -> None:
    failures = {"POST": [Response(status=status)] * 2, "PUT": [Response(status=status)]}
    memory.before = lambda request: failures[request.method].pop() if failures.get(request.method) else None

    store.push_blob(b"new", "")

    assert list(memory.blobs.values())[-1] == b"new"
    assert [method for method, _ in memory.seen] == ["HEAD", "POST", "POST", "POST", "PUT", "HEAD", "POST", "PUT"]


def test_who_goes_on_refusing_is_throttling(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = lambda request: error(429, "TOOMANYREQUESTS", "slow down") if request.method == "PUT" else None
    with pytest.raises(Throttled, match="too many requests"):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert len(memory.asked("PUT")) == 1 + limits.RETRIES


@pytest.mark.parametrize(("name", "times"), [(str(Digest.of(referrer(ONE))), 2), (DIGEST.fallback_tag, 1)])
def test_only_what_its_own_digest_names_is_written_again_after_a_broken_connection(
    memory: MemoryRegistry, store: Registry, name: str, times: int
) -> None:
    """Another writer may have changed the fallback tag since: whether ours arrived is looked up, not guessed."""
    failures = iter([Response(status=503)])
    wanted = f"/manifests/{name}"
    memory.before = lambda request: (
        next(failures, None) if request.method == "PUT" and request.path.endswith(wanted) else None
    )
    with contextlib.suppress(Unreachable):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.asked("PUT").count(f"manifests/{name}") == times
