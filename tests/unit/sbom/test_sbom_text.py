from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.sbom.text import is_timestamp, printable, public_address


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\ud800b", "a\uffffb"])
def test_what_a_terminal_obeys_or_utf8_cannot_hold_is_replaced(text: str) -> None:
    assert printable(text) == "a\N{REPLACEMENT CHARACTER}b"


def test_line_ends_and_foreign_letters_stay() -> None:
    assert printable("a\tb\r\nБ 字 é") == "a\tb\r\nБ 字 é"


@given(st.text(st.characters(exclude_categories=[])))
def test_printable_text_can_always_be_encoded(text: str) -> None:
    once = printable(text)
    once.encode()
    assert printable(once) == once


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com",
        "https://example.com/a?b=c#d",
        "http://127.0.0.1:8099/app.git#main",
        "http://[::1]:8080/a",
        "ssh://git@example.com/acme/app.git",
        "git+https://example.com/acme/app@v1.0#sub",
        "ftp://ftp.example.com/a%20b",
    ],
)
def test_an_address_without_secrets_is_published_as_it_is(address: str) -> None:
    assert public_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "example.com/a",
            "https://",
            "https:///a",
            "https://example.com/a b",
            "https://exam ple.com",
            "mailto:a@b.c",
        ),
        *("https://example.com/é", "https://example.com/%zz", "https://[::1/a", "https://example.com:99999/", "//a/b"),
        *("https://a:b@c@example.com/", "https://example.com/\n", "javascript:alert(1)"),
    ],
)
def test_what_is_no_url_is_no_address(text: str) -> None:
    assert public_address(text) is None


@pytest.mark.parametrize(
    ("address", "published"),
    [
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("https://secret@example.com/a", "https://example.com/a"),
        ("git+https://secret@example.com/a", "git+https://example.com/a"),
        ("ssh://git:secret@example.com:22/a", "ssh://git@example.com:22/a"),
    ],
)
def test_credentials_are_taken_out_of_an_address(address: str, published: str) -> None:
    assert public_address(address) == published


@given(st.text("https://@:secret.[]%#?", max_size=30))
def test_a_password_never_survives(noise: str) -> None:
    assert "p4ssw0rd" not in (public_address(f"https://u:p4ssw0rd@{noise}example.com/{noise}") or "").partition("@")[0]


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789+01:00"])
def test_rfc_3339_is_a_time(text: str) -> None:
    assert is_timestamp(text)


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "²026-01-01T00:00:00Z"],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_timestamp(text)
