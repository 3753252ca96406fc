"""An expression without anchors, or one for `acme`, and somebody who registers `acme-evil`."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from attest.trust.identity import ExpectedIdentity
from tests import images
from tests.attacks.asking import SIGNATURE, passed, refused
from tests.attacks.certified import Certified
from tests.authority import IDENTITY, ISSUER

GITLAB = "https://gitlab.com"
EVIL = f"{GITLAB}/acme-evil/app//.gitlab-ci.yml@refs/heads/main"


def pattern(expression: str) -> ExpectedIdentity:
    return ExpectedIdentity(expression, ISSUER, is_pattern=True)


def named(name: str) -> dict[str, Any]:
    return {"names": [x509.UniformResourceIdentifier(name)]}


@pytest.mark.parametrize(
    "expression", [f"{GITLAB}/acme", f"{GITLAB}/acme/.*", "gitlab.com/acme", "acme", "^https://gitlab.com/acme"]
)
def test_a_name_that_only_begins_like_the_expected_one_is_another(
    expression: str, certified: Certified, pushed: images.Pushed
) -> None:
    certified.sign(pushed, **named(EVIL.replace("-evil", "")))
    assert passed(certified.ask(pushed, SIGNATURE, pattern(f"{GITLAB}/acme/.*")))

    certified.sign(pushed, **named(EVIL))

    report = certified.ask(pushed, SIGNATURE, pattern(expression))
    refused(report, "signature.valid", "other-identity", f"signed by {EVIL}")


@pytest.mark.parametrize(
    "issuer",
    [
        *("", "https://evil.test", f"{ISSUER}/", f"{ISSUER}.", f"{ISSUER}\0", f" {ISSUER}", ISSUER.upper()),
        *(ISSUER.replace("https", "http"), ISSUER.replace("e", "\N{CYRILLIC SMALL LETTER IE}")),
    ],
)
@pytest.mark.parametrize("is_pattern", [True, False])
def test_the_issuer_is_compared_letter_by_letter(
    issuer: str, is_pattern: bool, certified: Certified, pushed: images.Pushed
) -> None:
    """A name is worth what its issuer is: another one may give it to anybody."""
    who = pattern(".*") if is_pattern else ExpectedIdentity(IDENTITY, ISSUER)
    certified.sign(pushed)
    assert passed(certified.ask(pushed, SIGNATURE, who))

    certified.sign(pushed, issuer=issuer)

    refused(certified.ask(pushed, SIGNATURE, who), "signature.valid", "other-identity", f"of {issuer}, expected")


@pytest.mark.parametrize(("expression", "name"), [("a|b", "ab"), ("a|b", "xb"), ("a|b", "ax")])
def test_a_choice_matches_the_whole_name_or_nothing(expression: str, name: str) -> None:
    assert not pattern(expression).accepts(name, ISSUER)
    assert pattern(expression).accepts("b", ISSUER)


def test_an_expression_that_backtracks_for_ever_elsewhere_answers_at_once() -> None:
    assert not pattern("(a+)+$").accepts("a" * 50_000 + "b", ISSUER)
