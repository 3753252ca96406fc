from __future__ import annotations

import pytest
from cyclonedx.spdx import is_expression as is_supported_expression
from hypothesis import given
from hypothesis import strategies as st

from attest.sbom.ledger import Ledger
from attest.sbom.licences import is_expression, is_licence_id, licence_choice


@pytest.mark.parametrize(
    "text",
    [
        "MIT OR Apache-2.0",
        "(MIT AND (Apache-2.0 OR LicenseRef-acme))",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "GPL-2.0-or-later WITH Bison-exception-2.2 AND MIT",
        "Apache-2.0+",
        "LicenseRef-a.b-c",
        "DocumentRef-x:LicenseRef-y",
        "MIT  AND\n(MIT)",
    ],
)
def test_an_expression_of_known_ids_is_one(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "()", "MIT OR", "OR MIT", "MIT MIT", "(MIT", "MIT)", ")MIT(", "MIT AND AND MIT", "MIT (OR) MIT"),
        *(
            "mit",
            "GPL",
            "MIT or Apache-2.0",
            "MIT/X11",
            "MIT, Apache-2.0",
            "MIT AND NONE",
            "LicenseRef-",
            "LicenseRef-é",
        ),
        *("MIT WITH MIT", "MIT WITH", "(MIT) WITH Classpath-exception-2.0", "Classpath-exception-2.0"),
    ],
)
def test_what_tools_would_stumble_over_is_none(text: str) -> None:
    assert not is_expression(text)


def test_an_endless_expression_is_not_read() -> None:
    assert not is_expression("(" * 20_000 + "MIT" + ")" * 20_000)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join)
    return pairs | inner.map("({})".format)


expressions = st.recursive(st.sampled_from(["MIT", "Apache-2.0", "GPL-2.0-only"]), joined, max_leaves=8)


@given(expressions)
def test_what_the_library_knows_we_know_too(text: str) -> None:
    assert is_expression(text)
    assert is_supported_expression(text)


@given(expressions, st.integers(0, 100), st.sampled_from(["(", ")", " AND ", " nonsense "]))
def test_what_the_library_refuses_we_refuse_too(text: str, place: int, noise: str) -> None:
    broken = text[:place] + noise + text[place:]
    if not is_supported_expression(broken):
        assert not is_expression(broken)


def test_an_exception_is_no_licence() -> None:
    assert is_licence_id("MIT")
    assert not is_licence_id("Classpath-exception-2.0")


@pytest.mark.parametrize(
    ("concluded", "declared", "choice"),
    [
        ("", "", []),
        ("MIT", "", [{"license": {"id": "MIT", "acknowledgement": "concluded"}}]),
        ("", "The Foo License", [{"license": {"name": "The Foo License", "acknowledgement": "declared"}}]),
        ("", "MIT OR Apache-2.0", [{"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}]),
        (
            "MIT",
            "X11-ish",
            [
                {"license": {"id": "MIT", "acknowledgement": "concluded"}},
                {"license": {"name": "X11-ish", "acknowledgement": "declared"}},
            ],
        ),
        ("LicenseRef-a", "LicenseRef-a", [{"expression": "LicenseRef-a", "acknowledgement": "concluded"}]),
    ],
)
def test_a_licence_goes_where_it_belongs(concluded: str, declared: str, choice: object) -> None:
    ledger = Ledger()
    assert licence_choice(concluded, declared, ledger) == choice
    assert ledger.counts == {}


def test_there_is_no_room_beside_an_expression_and_the_ledger_says_so() -> None:
    ledger = Ledger()
    choice = licence_choice("MIT OR Apache-2.0", "Apache-2.0", ledger)
    assert choice == [{"expression": "MIT OR Apache-2.0", "acknowledgement": "concluded"}]
    assert ledger.counts == {"package.licenseDeclared": 1}
    assert ledger.examples == {"package.licenseDeclared": "Apache-2.0"}
