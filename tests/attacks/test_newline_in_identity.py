"""A certificate whose name goes on after a line break: where `.` and `$` stop at a line's end, the rest is free."""

from __future__ import annotations

import pytest
from cryptography import x509

from attest.cli.reports.text import render_text
from attest.trust.identity import ExpectedIdentity
from tests import images
from tests.attacks.asking import SIGNATURE, passed, refused
from tests.attacks.certified import EXPECTED, Certified
from tests.authority import IDENTITY, ISSUER

NAMES = [
    f"{IDENTITY}\nhttps://evil.test",
    f"{IDENTITY}\n",
    f"{IDENTITY}\r",
    f"{IDENTITY}\r\nx",
    f"https://evil.test\n{IDENTITY}",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "who",
    [
        EXPECTED,
        *(ExpectedIdentity(one, ISSUER, is_pattern=True) for one in (".*", "(?s).*", f"(?m)^{ISSUER}/acme/.*$")),
    ],
    ids=["exact", "anything", "dot-matches-all", "lines"],
)
def test_a_name_of_two_lines_is_nobodys(
    name: str, who: ExpectedIdentity, certified: Certified, pushed: images.Pushed
) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed, SIGNATURE, who))

    certified.sign(pushed, names=[x509.UniformResourceIdentifier(name)])

    refused(certified.ask(pushed, SIGNATURE, who), "signature.valid", "other-identity", "signed by")


def test_it_cannot_write_lines_into_the_report(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed, names=[x509.UniformResourceIdentifier("https://evil.test\nPASSED  registry.test/acme/app")])

    shown = render_text([certified.ask(pushed)])

    assert "evil.test" in shown
    assert not [line for line in shown.splitlines() if line.startswith("PASSED")]
