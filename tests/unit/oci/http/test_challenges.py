from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.oci.http.auth import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example.com/token",
                        "service": "registry",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ("BEARER Realm=x , SERVICE = y", [("bearer", {"realm": "x", "service": "y"})]),
        (
            'Negotiate, Basic realm="x", Bearer realm="y",service="z"',
            [("negotiate", {}), ("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})],
        ),
        ("Negotiate YIIabc==, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        (r'Basic realm="say \"hi, you\""', [("basic", {"realm": 'say "hi, you"'})]),
        ('Basic realm="first", realm="second"', [("basic", {"realm": "first"})]),
        ('Bearer realm="', [("bearer", {})]),
        (',,, =x "y" Basic', [("basic", {})]),
    ],
)
def test_challenges_are_read_as_they_are_written(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert list(parse_challenges(header)) == [Challenge(scheme, parameters) for scheme, parameters in expected]


@given(st.text(alphabet='Basicrelm="\\, \t=/', max_size=60) | st.text(max_size=60))
def test_no_header_is_too_strange_to_read(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


def test_a_long_strange_header_is_read_quickly() -> None:
    for piece in ('a="', "a=", '\\"', ' "', "a ", "a=b,"):
        parse_challenges("Bearer " + piece * 20_000)
