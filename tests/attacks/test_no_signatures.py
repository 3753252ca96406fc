"""An envelope whose list of signatures is empty: what loops over all of them finds nothing wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.ways import CHANGED, Way


@pytest.mark.parametrize("signatures", [[], None, {}, [None], "sig"])
def test_an_envelope_without_signatures_is_refused(signatures: Any, way: Way, pushed: images.Pushed) -> None:
    statement = images.embedded(images.local_build(), pushed.digest)
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement, lambda envelope: envelope.update(signatures=signatures))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "signature-count", "with 0 signatures")


@pytest.mark.parametrize("signature", [{"sig": ""}, {}, {"sig": None}])
def test_an_empty_signature_is_one_that_does_not_hold(signature: Any, way: Way, pushed: images.Pushed) -> None:
    statement = images.embedded(images.local_build(), pushed.digest)
    way.attest(pushed, statement, lambda envelope: envelope.update(signatures=[signature]))

    said = {**CHANGED, "bundle": ("certificate", "")}
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", *said[way.name])
