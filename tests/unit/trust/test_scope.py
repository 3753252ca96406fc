"""How far a root of trust reaches: for which builders, and at which time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from attest.trust.scope import ANYWHERE, Scope, same_builder

WORKFLOW: Final = "https://github.com/acme/builder/.github/workflows/build.yml"


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (WORKFLOW, WORKFLOW),
        (f"{WORKFLOW}@refs/tags/v1", WORKFLOW),
        (f"{WORKFLOW}@refs/heads/main", WORKFLOW),
        (f"{WORKFLOW}@refs/tags/v1", f"{WORKFLOW}@v1"),
        (f"{WORKFLOW}@refs/tags/v1", f"{WORKFLOW}@refs/tags/v1"),
        (f"{WORKFLOW}@refs/heads/main", f"{WORKFLOW}@refs/heads/main"),
        (f"{WORKFLOW}@v1", f"{WORKFLOW}@v1"),
        ("https://builder.test:8443/runner@refs/tags/v1", "https://builder.test:8443/runner@v1"),
        ("https://builder.test:8443/runner@refs/tags/v1", "https://builder.test:8443/runner"),
        ("https://user@builder.test/runner", "https://user@builder.test/runner"),
        ("https://user@builder.test/runner@refs/tags/v1", "https://user@builder.test/runner"),
        ("https://user@builder.test/runner@refs/tags/v1", "https://user@builder.test/runner@v1"),
        (f"{WORKFLOW}@refs/heads/a@refs/tags/v1", WORKFLOW),
    ],
)
def test_a_builder_is_the_expected_one(builder: str, expected: str) -> None:
    assert same_builder(builder, expected)


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (f"{WORKFLOW}@refs/heads/v1", f"{WORKFLOW}@v1"),
        (f"{WORKFLOW}@refs/tags/v1.0", f"{WORKFLOW}@v1"),
        (f"{WORKFLOW}@refs/tags/v2", f"{WORKFLOW}@v1"),
        (f"{WORKFLOW}@refs/tags/v1", f"{WORKFLOW}@refs/heads/v1"),
        (f"{WORKFLOW}@refs/tags/v1", f"{WORKFLOW}@refs/tags/"),
        (WORKFLOW, f"{WORKFLOW}@v1"),
        (WORKFLOW, f"{WORKFLOW}@refs/tags/v1"),
        (f"{WORKFLOW}@v1", WORKFLOW),
        (f"{WORKFLOW}@refs/", WORKFLOW),
        (f"{WORKFLOW}@refs/tags/v1", f"{WORKFLOW}@"),
        (f"{WORKFLOW}.evil@refs/tags/v1", WORKFLOW),
        (f"https://evil.test/{WORKFLOW}@refs/tags/v1", WORKFLOW),
        (f"{WORKFLOW}/more", WORKFLOW),
        (f"{WORKFLOW}@refs/heads/a@refs/tags/v1", f"{WORKFLOW}@v1"),
        (f"{WORKFLOW}@refs/tags/x@v1", f"{WORKFLOW}@v1"),
        ("https://evil.test@refs/heads/builder.test/runner", "https://builder.test/runner"),
        ("https://evil.test@refs/heads/builder.test/runner", "https://evil.test@builder.test/runner"),
        ("https://builder.test:8443/runner@refs/tags/v1", "https://builder.test/runner"),
        ("", WORKFLOW),
        ("@refs/tags/v1", WORKFLOW),
    ],
)
def test_a_builder_is_not_the_expected_one(builder: str, expected: str) -> None:
    assert not same_builder(builder, expected)


def test_a_user_s_name_in_an_expected_address_is_no_builder_with_a_version() -> None:
    assert not same_builder("https://user@refs/tags/builder.test/runner", "https://user@builder.test/runner")


def test_a_root_without_builders_speaks_for_all_and_one_with_some_for_those() -> None:
    assert ANYWHERE.covers("")
    assert ANYWHERE.covers(WORKFLOW)
    some = Scope(builders=("https://other.test", f"{WORKFLOW}@v1"))
    assert some.covers(f"{WORKFLOW}@refs/tags/v1")
    assert not some.covers(f"{WORKFLOW}@refs/tags/v2")
    assert not some.covers("")


NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


@pytest.mark.parametrize(
    ("scope", "start", "end", "is_in"),
    [
        (ANYWHERE, NOW, NOW, True),
        (Scope(not_before=NOW), NOW, NOW + DAY, True),
        (Scope(not_before=NOW), NOW - DAY, NOW + DAY, False),
        (Scope(not_after=NOW), NOW - DAY, NOW, True),
        (Scope(not_after=NOW), NOW - DAY, NOW + DAY, False),
        (Scope(not_before=NOW - DAY, not_after=NOW + DAY), NOW, NOW, True),
        (Scope(not_before=NOW - DAY, not_after=NOW + DAY), NOW - 2 * DAY, NOW, False),
        (Scope(not_before=NOW - DAY, not_after=NOW + DAY), NOW, NOW + 2 * DAY, False),
    ],
)
def test_a_window_lets_in_what_was_signed_within_it_wholly(
    scope: Scope, start: datetime, end: datetime, is_in: bool
) -> None:
    assert scope.lets_in(start, end) is is_in


def test_a_root_without_a_window_is_believed_at_any_time() -> None:
    assert not ANYWHERE.has_window
    assert not Scope(level=3, builders=(WORKFLOW,), is_isolated=True).has_window
    assert Scope(not_before=NOW).has_window
    assert Scope(not_after=NOW).has_window


def test_a_window_is_written_as_people_read_times() -> None:
    assert str(Scope(not_before=NOW)) == "from 2026-06-01T00:00:00Z"
    assert str(Scope(not_after=NOW)) == "until 2026-06-01T00:00:00Z"
    assert str(Scope(not_before=NOW, not_after=NOW)) == "from 2026-06-01T00:00:00Z until 2026-06-01T00:00:00Z"
