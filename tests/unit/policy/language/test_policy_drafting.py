"""What a draft says: what was found, as plain text however it is written, and nothing that it cannot stand for."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.evidence.collect import fetch
from attest.policy.language.advice import advise
from attest.policy.language.drafting import Findings, draft, findings_of_image, findings_of_project
from attest.policy.language.reading import read_policy
from attest.policy.policy import Policy
from attest.reference import parse_reference
from tests import images

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
AMD64: Final = "linux/amd64"
REFERENCE: Final = parse_reference("registry.example.com/acme/app:v1.0.0")


def drafted(folder: Path, found: Findings) -> Policy:
    file = folder / "policy.toml"
    file.write_bytes(draft(found).encode())
    policy = read_policy(str(file))
    assert advise(policy, {}, NOW).errors == ()
    return policy


def found_of(provenance: dict[str, Any]) -> Findings:
    _, evidence = fetch(images.push({AMD64: provenance}).store)
    return findings_of_image(REFERENCE, evidence)


def test_what_an_image_claims_is_drafted(tmp_path: Path) -> None:
    key = images.new_key()
    built = images.local_build()
    built["runDetails"]["builder"]["id"] = "https://builds.example.com/buildkit"
    pushed = images.push({AMD64: built})
    images.sign_index(pushed, key)
    images.sign_claim(pushed, AMD64, {"tag": images.TAG}, key)
    _, evidence = fetch(pushed.store)

    found = findings_of_image(REFERENCE, evidence)
    policy = drafted(tmp_path, found)

    assert [each.text for each in policy.images] == ["registry.example.com/acme/app"]
    assert policy.image_tag == "{source_tag}"
    assert policy.source.repository is not None
    assert policy.source.repository.text == f"{images.REPOSITORY}.git"
    assert [each.text for each in policy.build.builders] == ["https://builds.example.com/buildkit"]
    assert [each.text for each in policy.build.types] == [built["buildDefinition"]["buildType"]]
    assert found.fingerprint == key.public.fingerprint
    assert draft(found).count("as the image claims; check it") == 4


def test_an_image_without_anything_is_drafted(tmp_path: Path) -> None:
    _, evidence = fetch(images.push({AMD64: None}).store)

    policy = drafted(tmp_path, findings_of_image(REFERENCE, evidence))

    assert (policy.source.repository, policy.build.builders, policy.image_tag) == (None, (), "")


@pytest.mark.parametrize(
    "claim",
    [
        "/.*/",
        "/(/",
        "//",
        '"\n[trust]\n#',
        "'''",
        "\\u0000\x00\x1b[2J",
        "\u202ehttps://evil",
        "x" * 10_000,
        "." * 200,
        " ",
        "\ud800",
    ],
)
def test_what_a_stranger_claims_is_text_and_never_an_expression(tmp_path: Path, claim: str) -> None:
    built = images.local_build(repository=claim)
    built["runDetails"]["builder"]["id"] = built["buildDefinition"]["buildType"] = claim

    policy = drafted(tmp_path, found_of(built))

    for pattern in (*policy.build.builders, *policy.build.types):
        assert pattern.matches(claim.replace("\ud800", "\ufffd"))
        assert not pattern.matches("https://builds.example.com/mine")
    assert policy.trust.keys[0].key.endswith("attest.pub")
    assert policy.source.repository is None or policy.source.repository.matches(claim)


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    found = Findings("an image", "as it says", builder=text if text.strip() else "x", build_type="/a.b/")

    policy = drafted(tmp_path_factory.getbasetemp(), found)

    assert policy.build.builders[0].matches(text if text.strip() else "x") or "\n" in text or "\r" in text
    assert policy.build.types[0].matches("/a.b/")
    assert not policy.build.types[0].matches("aXb")


def test_the_fingerprint_is_the_key_s(tmp_path: Path) -> None:
    key = images.new_key()
    spki = base64.b64decode(key.public.hint)
    pushed = images.push({AMD64: None})
    images.sign_index(pushed, key)
    _, evidence = fetch(pushed.store)

    assert findings_of_image(REFERENCE, evidence).fingerprint == f"sha256:{spki.hex()}"
    assert len(spki) == hashlib.sha256().digest_size


@pytest.mark.parametrize(
    ("repository", "server", "configuration", "mine", "others", "issuer"),
    [
        (
            "https://gitlab.com/Acme/my.app",
            "https://gitlab.com",
            "",
            "https://gitlab.com/Acme/my.app//.gitlab-ci.yml@refs/tags/v1",
            "https://gitlab.com/Acme/myxapp//.gitlab-ci.yml@refs/tags/v1",
            "https://gitlab.com",
        ),
        (
            "https://git.example.com/acme/app",
            "https://git.example.com/",
            "ci/build.yml",
            "https://git.example.com/acme/app//ci/build.yml@refs/tags/v1",
            "https://git.example.com/acme/app//ci/build.yml@refs/heads/main",
            "https://git.example.com",
        ),
        (
            "git@gitlab.example.com:acme/app.git",
            "",
            "",
            "https://gitlab.example.com/acme/app//.gitlab-ci.yml@refs/tags/v1",
            "https://gitlab.example.com/acme/app-evil//.gitlab-ci.yml@refs/tags/v1",
            "https://gitlab.example.com",
        ),
        (
            "https://github.com/Acme/App",
            "",
            ".github/workflows/release.yml",
            "https://github.com/Acme/App/.github/workflows/release.yml@refs/tags/v1",
            "https://github.com/Acme/App/.github/workflows/other.yml@refs/tags/v1",
            "https://token.actions.githubusercontent.com",
        ),
        (
            "git@github.com:Acme/App.git",
            "",
            "",
            "https://github.com/Acme/App/.github/workflows/any.yml@refs/tags/v1",
            "https://github.com/Acme/App/.github/workflows/any.yml@refs/pull/1/merge",
            "https://token.actions.githubusercontent.com",
        ),
    ],
)
def test_a_project_s_draft_believes_its_own_tag_pipelines(
    tmp_path: Path, repository: str, server: str, configuration: str, mine: str, others: str, issuer: str
) -> None:
    policy = drafted(tmp_path, findings_of_project(repository, "git", server, configuration))
    (identity,) = policy.trust.identities

    assert identity.accepts(mine, issuer)
    assert not identity.accepts(others, issuer)
    assert not identity.accepts(mine, "https://evil.example.com")
    assert advise(policy, {}, NOW).warnings == ()


def test_a_project_elsewhere_gets_a_key(tmp_path: Path) -> None:
    policy = drafted(tmp_path, findings_of_project("https://git.example.com/acme/app.git", "git"))

    assert policy.trust.identities == ()
    assert policy.trust.keys[0].key.endswith("attest.pub")


def test_the_configuration_of_another_project_is_not_taken_for_this_one_s(tmp_path: Path) -> None:
    found = findings_of_project("https://gitlab.com/acme/app", "git", "https://gitlab.com", "ci.yml@acme/templates")

    assert (
        drafted(tmp_path, found)
        .trust.identities[0]
        .accepts("https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1", "https://gitlab.com")
    )
