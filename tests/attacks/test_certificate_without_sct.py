"""A certificate that no certificate log has seen: whoever issued it could deny that."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests import authority, images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import CLAIMS, Certified

SAID: Final = {
    "none": {"bundle": "does not contain a signed certificate timestamp", "annotations": "is in no certificate log"},
    "an unknown log's": {"bundle": "failed to verify SCT", "annotations": "does not know"},
    "another certificate's": {"bundle": "failed to verify SCT", "annotations": "(SCT) is not for this certificate"},
}


@pytest.mark.parametrize("which", SAID)
def test_a_certificate_needs_a_certificate_logs_word(which: str, certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    lies: dict[str, dict[str, Any]] = {
        "none": {"sct": False},
        "an unknown log's": {"sct_key": authority.new_key()},
        "another certificate's": {"sct_of": certified.sigstore.certify(authority.new_key(), {"claims": CLAIMS})},
    }
    certified.sign(pushed, **lies[which])

    refused(certified.ask(pushed), "signature.valid", "certificate", SAID[which][certified.name])
