"""Expected texts: as they stand, or expressions that must match the whole."""

from __future__ import annotations

import pytest

from attest.policy.pattern import Pattern, any_matches, listed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v1.0.0", "v1.0.0"),
        ("", ""),
        ("/", "/"),
        ("//", "//"),
        ("/v[0-9]+/", "v12"),
        ("/main|release-.*/", "main"),
        ("/main|release-.*/", "release-2"),
        ("/.*/", ""),
        ("/^v1$/", "v1"),
    ],
)
def test_a_text_is_itself_and_an_expression_what_it_matches_as_a_whole(text: str, value: str) -> None:
    assert Pattern(text).matches(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v1.0.0", "v1x0x0"),
        ("v1.0.0", "v1.0.0 "),
        ("v.*", "v1"),
        ("/v[0-9]+/", "v1-evil"),
        ("/v[0-9]+/", "evil-v1"),
        ("/main|release/", "mainly"),
        ("/main|release/", "prerelease"),
        ("/.*/", "v1\n"),
        ("/(?s).*/", "v1\nv2"),
        ("/v1/", "v1\n"),
        ("/[^x]*/", "v1\r"),
        ("/v1/", "V1"),
    ],
)
def test_no_part_and_no_line_of_a_text_is_enough(text: str, value: str) -> None:
    assert not Pattern(text).matches(value)


@pytest.mark.parametrize("text", ["/(/", "/a)|(?:b/", "/a{1000000}/", "/(?=x)/", "/\\1/", "/[/"])
def test_what_re2_does_not_take_is_refused_with_its_words(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Pattern(text)


def test_an_expression_that_would_never_end_elsewhere_ends() -> None:
    assert not Pattern("/(a+)+/").matches("a" * 5_000 + "b")


def test_several_are_one_or_another_and_none_is_none() -> None:
    one, other = Pattern("main"), Pattern("/v.*/")
    assert any_matches((one, other), "v1")
    assert not any_matches((one, other), "other")
    assert not any_matches((), "main")
    assert listed((one, other)) == "main, or /v.*/"
