"""What a draft says: what was found, as plain text however it is written, and nothing that it cannot stand for."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.evidence.collect import fetch
from attest.policy.language.advice import advise
from attest.policy.language.drafting import draft
from attest.policy.language.findings import Findings, findings_of_image, findings_of_project
from attest.policy.language.pinning import unpinned
from attest.policy.language.reading import read_policy
from attest.policy.policy import Policy
from attest.reference import Digest, parse_reference
from attest.trust.keys import load_signing_key
from tests import images
from tests.cli.layouts import write_key_pair

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
AMD64: Final = "linux/amd64"
REFERENCE: Final = parse_reference("registry.example.com/acme/app:v1.0.0")


def drafted(folder: Path, found: Findings) -> Policy:
    file = folder / "policy.toml"
    file.write_bytes(draft(found).encode())
    policy = read_policy(str(file))
    assert advise(policy, {}, NOW).errors == ()
    return policy


def found_of(pushed: images.Pushed, folder: Path) -> Findings:
    _, evidence = fetch(pushed.store)
    return findings_of_image(REFERENCE, evidence, folder)


def test_what_an_image_claims_is_drafted(tmp_path: Path) -> None:
    key = images.new_key()
    built = images.local_build()
    built["runDetails"]["builder"]["id"] = "https://builds.example.com/buildkit"
    pushed = images.push({AMD64: built})
    images.sign_index(pushed, key)
    images.sign_claim(pushed, AMD64, {"tag": images.TAG}, key)

    found = found_of(pushed, tmp_path)
    policy = drafted(tmp_path, found)

    assert [each.text for each in policy.images] == ["registry.example.com/acme/app"]
    assert policy.image_tag == "{source_tag}"
    assert policy.source.repository is not None
    assert policy.source.repository.text == f"{images.REPOSITORY}.git"
    assert [each.text for each in policy.build.builders] == ["https://builds.example.com/buildkit"]
    assert [each.text for each in policy.build.types] == [built["buildDefinition"]["buildType"]]
    assert found.fingerprint == key.public.fingerprint
    assert draft(found).count("as the image claims; check it") == 4


def test_an_image_that_was_built_from_a_branch_drafts_the_branch(tmp_path: Path) -> None:
    key = images.new_key()
    pushed = images.push({AMD64: images.local_build()})
    images.sign_claim(pushed, AMD64, {"branch": "main"}, key)

    source = drafted(tmp_path, found_of(pushed, tmp_path)).source

    assert ([each.text for each in source.branches], source.tags) == (["main"], ())


def test_an_image_without_anything_is_drafted(tmp_path: Path) -> None:
    policy = drafted(tmp_path, found_of(images.push({AMD64: None}), tmp_path))

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

    policy = drafted(tmp_path, found_of(images.push({AMD64: built}), tmp_path))

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

    assert found_of(pushed, tmp_path).fingerprint == f"sha256:{spki.hex()}"
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


# --- What a job says of itself ----------------------------------------------------------------------------------------

PUBLIC: Final = ("https://gitlab.com/acme/app", "CI_PROJECT_URL", "https://gitlab.com", "")
OWN: Final = ("https://git.example.com/acme/app", "CI_PROJECT_URL", "https://git.example.com/", "ci/build.yml")


@pytest.mark.parametrize("branch", ["main", "release/1.x"])
def test_a_job_for_a_branch_drafts_its_branch_and_no_tag(tmp_path: Path, branch: str) -> None:
    policy = drafted(tmp_path, findings_of_project(*PUBLIC, f"refs/heads/{branch}"))
    (identity,) = policy.trust.identities
    pipeline = "https://gitlab.com/acme/app//.gitlab-ci.yml"

    assert (policy.source.tags, [each.text for each in policy.source.branches]) == ((), [branch])
    assert policy.image_tag == ""
    assert identity.accepts(f"{pipeline}@refs/heads/{branch}", "https://gitlab.com")
    for other in (f"refs/tags/{branch}", f"refs/heads/{branch}2", "refs/heads/release/1ax", "refs/tags/v1"):
        assert not identity.accepts(f"{pipeline}@{other}", "https://gitlab.com"), other


def test_a_job_for_a_tag_binds_the_image_s_tag(tmp_path: Path) -> None:
    for_a_tag = drafted(tmp_path, findings_of_project(*PUBLIC, "refs/tags/v1"))
    for_a_merge_request = drafted(tmp_path, findings_of_project(*PUBLIC, "refs/merge-requests/1/head"))

    assert (for_a_tag.image_tag, for_a_merge_request.image_tag) == ("{source_tag}", "")
    for policy in (for_a_tag, for_a_merge_request):
        assert (policy.source.branches, policy.source.tags[0].matches("v2")) == ((), True)


@pytest.mark.parametrize(
    ("image", "named"),
    [("registry.gitlab.com/acme/app", ["registry.gitlab.com/acme/app"]), ("registry.gitlab.com/a:v1", []), ("", [])],
)
def test_a_job_s_registry_names_the_image(tmp_path: Path, image: str, named: list[str]) -> None:
    policy = drafted(tmp_path, findings_of_project(*PUBLIC, "refs/tags/v1", image))

    assert [each.text for each in policy.images] == named


@pytest.mark.parametrize("ref", ["refs/tags/v1", "refs/heads/main"])
def test_a_gitlab_that_the_public_sigstore_does_not_know_gets_a_key(tmp_path: Path, ref: str) -> None:
    found = findings_of_project(*OWN, ref)
    policy = drafted(tmp_path, found)

    assert (policy.trust.identities, policy.trust.trusted_root) == ((), None)
    assert policy.trust.keys[0].key.endswith("attest.pub")
    assert "the public one issues no certificates for https://git.example.com.\n" in draft(found)


def test_what_is_said_of_a_sigstore_of_one_s_own_will_do_once_it_is_no_comment(tmp_path: Path) -> None:
    found = findings_of_project(*OWN, "refs/tags/v1")
    (tmp_path / "trusted_root.json").write_text("{}")
    pin = Digest.of(b"{}")
    lines = draft(found).replace("sha256:…", str(pin)).split("\n")
    said = next(n for n, line in enumerate(lines) if line.startswith("# Keyless takes"))
    until = lines.index("", said)
    file = tmp_path / "own.toml"
    file.write_text("\n".join([*lines[:said], *(line[2:] for line in lines[said + 1 : until]), *lines[until:]]))

    policy = read_policy(str(file))

    assert policy.trust.identities[0].accepts(
        "https://git.example.com/acme/app//ci/build.yml@refs/tags/v1", "https://git.example.com"
    )
    assert policy.trust.trusted_root == f"{tmp_path}/trusted_root.json@{pin}"


# --- The key beside the draft -----------------------------------------------------------------------------------------


def signed_by(stem: Path) -> images.Pushed:
    write_key_pair(stem)
    pushed = images.push({AMD64: images.local_build()})
    images.sign_index(pushed, load_signing_key(f"{stem}.key", {}))
    return pushed


def test_the_key_that_signed_is_found_among_those_beside_the_draft(tmp_path: Path) -> None:
    pushed = signed_by(tmp_path / "mine")
    write_key_pair(tmp_path / "a-stranger-s")
    (tmp_path / "broken.pub").write_text("no key")
    (tmp_path / "folder.pub").mkdir()

    policy = drafted(tmp_path, found_of(pushed, tmp_path))

    assert policy.trust.keys[0].key == f"{tmp_path}/mine.pub@{Digest.of((tmp_path / 'mine.pub').read_bytes())}"
    assert list(unpinned(policy)) == []


def test_a_key_that_did_not_sign_is_not_believed_for_lying_there(tmp_path: Path) -> None:
    pushed = signed_by(tmp_path / "mine")
    assert "mine.pub@sha256:" in draft(found_of(pushed, tmp_path))
    (tmp_path / "mine.pub").unlink()
    write_key_pair(tmp_path / "other")

    text = draft(found_of(pushed, tmp_path))

    assert 'key = "attest.pub"\n' in text
    assert "other.pub" not in text
    assert "Put the public key beside this file" in text


def test_a_stranger_s_signature_does_not_hide_the_key_that_is_here(tmp_path: Path) -> None:
    pushed = images.push({AMD64: images.local_build()})
    images.sign_index(pushed, images.new_key())
    write_key_pair(tmp_path / "mine")
    images.sign_index(pushed, load_signing_key(f"{tmp_path}/mine.key", {}))

    assert "mine.pub@sha256:" in draft(found_of(pushed, tmp_path))


def test_the_key_that_is_here_is_believed_rather_than_an_identity_that_is_claimed(tmp_path: Path) -> None:
    found = Findings("an image", "as it says", identity="evil@id.test", issuer="https://id.test")
    assert drafted(tmp_path, found).trust.identities[0].name == "evil@id.test"

    write_key_pair(tmp_path / "mine")
    policy = drafted(tmp_path, replace(found, key="mine.pub", by_key=True))

    assert (policy.trust.identities, policy.trust.keys[0].name) == ((), str(tmp_path / "mine.pub"))
