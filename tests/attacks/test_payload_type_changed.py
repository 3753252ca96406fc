"""The type of a signed payload is part of what was signed (DSSE v1.0); somebody writes another one beside it."""

from __future__ import annotations

from typing import Final

import pytest

from attest.evidence.statement import PAYLOAD_TYPE
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.certified import Document
from tests.attacks.ways import CHANGED, Way

OTHER: Final = "application/json"


def named(payload_type: str, envelope: Document) -> None:
    envelope["payloadType"] = payload_type


def test_what_was_signed_as_another_type_is_no_statement(way: Way, pushed: images.Pushed) -> None:
    """The signer signed these bytes as something else; calling them a statement makes them none."""
    statement = images.embedded(images.local_build(), pushed.digest)
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement, lambda envelope: named(PAYLOAD_TYPE, envelope), kind=OTHER)

    reason, said = CHANGED[way.name]
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", reason, said)


@pytest.mark.parametrize("signed_as", [PAYLOAD_TYPE, OTHER])
def test_a_statement_called_something_else_is_refused_for_its_type(
    signed_as: str, way: Way, pushed: images.Pushed
) -> None:
    statement = images.embedded(images.local_build(), pushed.digest)
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement, lambda envelope: named(OTHER, envelope), kind=signed_as)

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "payload-type", OTHER)


@pytest.mark.parametrize("signed_as", [PAYLOAD_TYPE, OTHER])
def test_a_statement_called_something_else_proves_nothing(signed_as: str, way: Way, pushed: images.Pushed) -> None:
    way.attest(
        pushed, images.embedded(images.local_build(), pushed.digest), lambda one: named(OTHER, one), kind=signed_as
    )

    assert not passed(way.ask(pushed, REPOSITORY_AND_COMMIT))
