"""Regular expressions that people give are bounded, wherever they are given: in a policy or on the command line."""

from __future__ import annotations

import pytest

from attest.errors import UsageError
from attest.policy.pattern import Pattern
from attest.trust.identity import ExpectedIdentity

ISSUER = "https://gitlab.com"
TOO_LARGE = [r"\pL{100}", r"(?:\pL{10}){20}", "(" + "|".join(rf"\pL{{{n}}}" for n in range(40)) + ")"]
ORDINARY = [
    r"https://gitlab\.com/acme/(app|web)//\.gitlab-ci\.yml@refs/(heads/main|tags/v\d+\.\d+\.\d+(-[a-z0-9.]+)?)",
    r"^https://github\.com/[a-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}/\.github/workflows/[^@/]+@refs/tags/.*$",
]


@pytest.mark.parametrize("expression", TOO_LARGE, ids=["letters", "repeats", "alternatives"])
def test_an_expression_that_is_too_large_is_an_error_that_says_so(expression: str) -> None:
    with pytest.raises(ValueError, match="too large: it takes more than 256 KiB"):
        Pattern(f"/{expression}/")
    with pytest.raises(UsageError, match="--certificate-identity-regexp") as caught:
        ExpectedIdentity(expression, ISSUER, is_pattern=True)

    assert "too large: it takes more than 256 KiB" in caught.value.detail
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("expression", ORDINARY)
def test_what_people_write_is_far_from_too_large(expression: str) -> None:
    assert Pattern(f"/(?:{expression}|{'|'.join([expression] * 5)})/").is_expression


@pytest.mark.parametrize("expression", ["a|b", "^a$|^b$", "(a|b)"])
def test_every_alternative_must_match_the_whole_text(expression: str) -> None:
    texts = ("a", "b", "ab", "ax", "xb", "a\n", "")
    pattern, identity = Pattern(f"/{expression}/"), ExpectedIdentity(expression, ISSUER, is_pattern=True)

    assert [pattern.matches(text) for text in texts] == [True, True, False, False, False, False, False]
    assert [identity.accepts(text, ISSUER) for text in texts] == [pattern.matches(text) for text in texts]


def test_brackets_that_fit_only_each_other_are_no_expression() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        Pattern("/a)(b/")
    with pytest.raises(UsageError, match="not a regular expression"):
        ExpectedIdentity("a)(b", ISSUER, is_pattern=True)
