from __future__ import annotations

import pytest

from attest.errors import UsageError
from attest.policy.expectations import Expectations


@pytest.mark.parametrize("commit", ["1d48664", "main", "1D48664A74E1311DA52E2ECF2E9E71D0A04DC0FB", "g" * 40, "0" * 41])
def test_a_commit_is_given_in_full(commit: str) -> None:
    with pytest.raises(UsageError, match="not a full commit"):
        Expectations(commit=commit)


@pytest.mark.parametrize("repository", ["app", "/srv/app.git", "https://"])
def test_a_repository_is_an_address(repository: str) -> None:
    with pytest.raises(UsageError, match="not a repository address"):
        Expectations(repository=repository)


def test_what_cannot_be_true_together_is_refused() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        Expectations(tag="v1", branch="main")
    with pytest.raises(UsageError, match="signature-only"):
        Expectations(tag="v1", signature_only=True)
