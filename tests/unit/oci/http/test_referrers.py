from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import StoreError, Throttled, Unauthorised, Unreachable, Unreadable
from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.http.registry import Registry
from attest.reference import Digest
from tests.unit.oci.http.registries import DIGEST, NAME, ONE, MemoryRegistry, error, host_of, listing
from tests.unit.oci.samples import index, referrer


@pytest.fixture(params=["api", "fallback", "both"])
def with_referrers(request: pytest.FixtureRequest, memory: MemoryRegistry) -> MemoryRegistry:
    """A registry whose image has two referrers, in its list, under the fallback tag, or one in each and one in both."""
    first, second = referrer(ONE, 1), referrer(ONE, 2)
    memory.add(second)
    if request.param != "fallback":
        memory.referrers_api = True
        memory.add(first)
    if request.param != "api":
        listed = index(first, second)
        memory.add(listed, DIGEST.fallback_tag, media_type=OCI_INDEX)
    return memory


def test_referrers_are_found_wherever_they_are_listed_each_once(
    with_referrers: MemoryRegistry, store: Registry
) -> None:
    found = {entry.digest for entry in store.referrers(DIGEST)}
    assert found == {Digest.of(referrer(ONE, 1)), Digest.of(referrer(ONE, 2))}
    assert len(store.referrers(DIGEST)) == 2
    assert sorted(with_referrers.asked("GET"))[:1] == [f"manifests/{DIGEST.fallback_tag}"]


def test_an_image_without_referrers_has_none(memory: MemoryRegistry, store: Registry) -> None:
    assert store.referrers(DIGEST) == ()
    memory.referrers_api = True
    assert store.referrers(DIGEST) == ()


def _api(answer: Callable[[], Response]) -> Callable[[Request], Response | None]:
    return lambda request: answer() if "/referrers/" in request.path else None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: error(400, "X", ""),
        lambda: error(404, "X", ""),
        lambda: error(405, "X", ""),
        lambda: error(501, "X", ""),
        lambda: Response("<html>", content_type="text/html"),
        lambda: Response("{}", content_type="application/json"),
        lambda: Response(ONE, content_type=OCI_MANIFEST),
    ],
)
def test_where_the_api_is_none_the_fallback_tag_counts(
    memory: MemoryRegistry, store: Registry, answer: Callable[[], Response]
) -> None:
    memory.add(index(referrer(ONE)), DIGEST.fallback_tag, media_type=OCI_INDEX)
    memory.before = _api(answer)
    assert [entry.digest for entry in store.referrers(DIGEST)] == [Digest.of(referrer(ONE))]


@pytest.mark.parametrize("part", ["/referrers/", f"/{DIGEST.fallback_tag}"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorised), (403, Unauthorised), (429, Throttled), (500, Unreachable), (503, Unreachable)],
)
def test_a_list_that_cannot_be_read_is_not_an_empty_list(
    with_referrers: MemoryRegistry, store: Registry, part: str, status: int, kind: type[StoreError]
) -> None:
    with_referrers.before = lambda request: error(status, "X", "") if part in request.path else None
    with pytest.raises(kind):
        store.referrers(DIGEST)


@pytest.mark.parametrize("body", ["[]", "", '{"manifests": ['])
def test_half_a_list_is_not_the_answer_that_there_is_no_such_api(
    memory: MemoryRegistry, store: Registry, body: str
) -> None:
    memory.before = _api(lambda: Response(body, content_type=OCI_INDEX))
    with pytest.raises(Unreadable):
        store.referrers(DIGEST)


def test_a_broken_entry_in_either_list_is_not_passed_over(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _api(lambda: listing([{"mediaType": OCI_MANIFEST}]))
    with pytest.raises(Unreadable, match="without a size"):
        store.referrers(DIGEST)
    memory.before = lambda _: None
    memory.add(b'{"manifests":[{"size":1}]}', DIGEST.fallback_tag, media_type=OCI_INDEX)
    with pytest.raises(Unreadable, match="without a usable digest"):
        store.referrers(DIGEST)


@pytest.mark.parametrize(("content", "media_type"), [(ONE, OCI_MANIFEST), (b"<html>", "text/html")])
def test_a_fallback_tag_that_is_no_index_is_unreadable(
    memory: MemoryRegistry, store: Registry, content: bytes, media_type: str
) -> None:
    memory.add(content, DIGEST.fallback_tag, media_type=media_type)
    with pytest.raises(Unreadable):
        store.referrers(DIGEST)


def _paged(pages: int, link: Callable[[int], str]) -> Callable[[Request], Response | None]:
    def answer(request: Request) -> Response | None:
        if "/referrers/" not in request.path:
            return None
        page = int(request.args.get("page", 0))
        entry = Descriptor.of(referrer(ONE, page), OCI_MANIFEST).to_json()
        return listing([entry], link(page + 1) if page + 1 < pages else "")

    return answer


@pytest.mark.parametrize(
    "link",
    [
        lambda page: f'</v2/{NAME}/referrers/{DIGEST}?page={page}>; rel="next"',
        lambda page: f"<?page={page}>; rel=next",
        lambda page: f'<?page=0>; rel="first", <./{DIGEST}?page={page}>; title="x"; rel="next"',
    ],
)
def test_all_pages_of_the_list_are_read(memory: MemoryRegistry, store: Registry, link: Callable[[int], str]) -> None:
    memory.before = _paged(4, link)
    assert [entry.digest for entry in store.referrers(DIGEST)] == [
        Digest.of(referrer(ONE, number)) for number in range(4)
    ]


def test_pages_in_a_circle_end(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _paged(99, lambda page: f"<?page={page % 3}>; rel=next")
    with pytest.raises(Unreadable, match="a list without end"):
        store.referrers(DIGEST)
    assert len(memory.seen) < 8


def test_pages_without_end_end(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _paged(10**9, lambda page: f"<?page={page}>; rel=next")
    with pytest.raises(Unreadable, match=f"{limits.REFERRER_PAGES} pages were read"):
        store.referrers(DIGEST)
    assert len(memory.asked("GET")) == limits.REFERRER_PAGES + 1


def test_a_next_page_at_another_host_is_not_read(
    memory: MemoryRegistry, store: Registry, elsewhere: HTTPServer
) -> None:
    memory.before = _paged(9, lambda page: f"<http://{host_of(elsewhere)}/?page={page}>; rel=next")
    with pytest.raises(Unreadable, match="goes on at another host"):
        store.referrers(DIGEST)
    assert elsewhere.log == []


@pytest.mark.parametrize("answer", [lambda: error(404, "X", ""), lambda: Response("<html>"), lambda: Response("{}")])
def test_a_page_that_is_missing_is_not_the_end(
    memory: MemoryRegistry, store: Registry, answer: Callable[[], Response]
) -> None:
    pages = _paged(3, lambda page: f"<?page={page}>; rel=next")
    memory.before = lambda request: answer() if request.args.get("page") == "1" else pages(request)
    with pytest.raises(StoreError):
        store.referrers(DIGEST)


def test_more_referrers_than_are_looked_at_can_be_told_from_enough(
    memory: MemoryRegistry, store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFERRERS", 3)
    memory.before = _paged(10**9, lambda page: f"<?page={page}>; rel=next")
    assert len(store.referrers(DIGEST)) == 4
