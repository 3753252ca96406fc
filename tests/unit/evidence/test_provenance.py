from __future__ import annotations

import json

import pytest

from attest.evidence.provenance import SLSA_V02, SLSA_V1, Provenance, git_context, read_provenance
from attest.evidence.statement import STATEMENT_V1, parse_statement
from tests import images

TAG_OBJECT = "e02256d6cd519b16739da8f32967ed822ab4420e"


def read(predicate: object, predicate_type: str = SLSA_V1) -> Provenance:
    document = {"_type": STATEMENT_V1, "subject": [], "predicateType": predicate_type, "predicate": predicate}
    provenance = read_provenance(parse_statement(json.dumps(document).encode(), "here"))
    assert provenance is not None
    return provenance


@pytest.mark.parametrize(
    ("uri", "repository", "commit", "ref"),
    [
        (
            "git+https://github.com/acme/app@refs/heads/main",
            "https://github.com/acme/app",
            images.COMMIT,
            "refs/heads/main",
        ),
        ("git+https://github.com/acme/app@refs/tags/lib@2", "https://github.com/acme/app", "", "refs/tags/lib@2"),
        ("git+https://github.com/acme/app@refs/tags/v1", "https://github.com/acme/app", "", "refs/tags/v1"),
        (f"git+ssh://git@h.test/a/b@{images.COMMIT}", "ssh://h.test/a/b", images.COMMIT, images.COMMIT),
        ("git+https://me:secret@h.test/a/b@refs/tags/v1", "https://h.test/a/b", "", "refs/tags/v1"),
        ("git+https://h.test/a/b", "git+https://h.test/a/b", "", ""),
    ],
)
def test_the_ref_may_stand_behind_an_at(uri: str, repository: str, commit: str, ref: str) -> None:
    """So write GitHub's generators (SPDX 2.3, "Package download location")."""
    source = git_context(uri, {"sha1": images.COMMIT})
    assert (source.repository, source.commit, source.ref) == (repository, commit, ref)


@pytest.mark.parametrize(
    ("fragment", "commit", "object_", "ref", "directory"),
    [
        ("#main", "", images.COMMIT, "main", ""),
        ("#v1.0.0", "", images.COMMIT, "v1.0.0", ""),
        ("", "", images.COMMIT, "", ""),
        ("#refs/heads/main", images.COMMIT, "", "refs/heads/main", ""),
        ("#refs/tags/v1.0.0", "", images.COMMIT, "refs/tags/v1.0.0", ""),
        (f"#{images.COMMIT}", images.COMMIT, "", images.COMMIT, ""),
        ("#main:sub/dir", "", images.COMMIT, "main", "sub/dir"),
        (":8443/x.git#main", "", images.COMMIT, "main", ""),
    ],
)
def test_only_a_full_branch_or_commit_says_what_the_object_is(
    fragment: str, commit: str, object_: str, ref: str, directory: str
) -> None:
    source = git_context(f"https://git.example.test/acme/app.git{fragment}", {"sha1": images.COMMIT})
    assert (source.commit, source.object, source.ref, source.directory) == (commit, object_, ref, directory)


def test_what_the_builder_saw_comes_before_what_the_client_said() -> None:
    predicate = images.git_build("refs/heads/main")
    predicate["runDetails"]["metadata"] = {
        "buildkit_metadata": {"vcs": {"source": "https://evil.test/a", "revision": "b"}}
    }
    provenance = read(predicate)
    assert [source.written_by for source in provenance.sources] == ["builder", "client"]
    repository = provenance.fact("repository")
    assert repository is not None
    assert (repository.value, repository.written_by) == ("https://git.example.test/acme/app.git", "builder")


def test_hints_in_the_request_alone_are_found_too() -> None:
    predicate = images.local_build()
    del predicate["runDetails"]["metadata"]
    request = predicate["buildDefinition"]["externalParameters"]["request"]
    request["root"] = {"request": {"args": {"vcs:revision": images.COMMIT, "vcs:source": images.REPOSITORY}}}
    assert [(source.commit, source.repository) for source in read(predicate).sources] == [
        (images.COMMIT, images.REPOSITORY)
    ]


def test_the_same_hint_in_two_places_is_one() -> None:
    predicate = images.local_build()
    request = predicate["buildDefinition"]["externalParameters"]["request"]
    request["args"] = {"vcs:revision": images.COMMIT, "vcs:source": f"{images.REPOSITORY}.git"}
    assert len(read(predicate).sources) == 1


def test_v02_says_the_same_as_v1() -> None:
    v02 = {
        "builder": {"id": "https://ci.example.test"},
        "buildType": "https://mobyproject.org/buildkit@v1",
        "materials": [{"uri": "pkg:docker/base@1", "digest": {"sha256": "0" * 64}}],
        "invocation": {
            "configSource": {"uri": "https://git.example.test/a.git#v1", "digest": {"sha1": TAG_OBJECT}},
            "parameters": {"frontend": "dockerfile.v0", "args": {"context:base": "docker-image://base:2"}},
        },
        "buildConfig": {"llbDefinition": [{}]},
        "metadata": {"completeness": {"materials": True}, "buildInvocationID": "i"},
    }
    provenance = read(v02, SLSA_V02)
    assert (provenance.builder, provenance.mode, provenance.invocation) == ("https://ci.example.test", "max", "i")
    assert provenance.dependencies_complete
    assert provenance.sources[0].object == TAG_OBJECT
    assert tuple(map(str, provenance.replacements)) == ("the named context base=docker-image://base:2",)


@pytest.mark.parametrize(
    "nothing", [{}, None, [], {"buildDefinition": None}, {"buildDefinition": {"externalParameters": []}}]
)
def test_provenance_that_says_nothing_is_read_as_nothing(nothing: object) -> None:
    for predicate_type in (SLSA_V1, SLSA_V02):
        provenance = read(nothing, predicate_type)
        assert (provenance.sources, provenance.builder, provenance.dependencies) == ((), "", ())


def test_a_dirty_tree_is_seen_and_a_clean_one_is_not_claimed() -> None:
    assert read(images.local_build(f"{images.COMMIT}-dirty")).sources[0].dirty
    assert read(images.local_build()).fact("dirty") is None


def test_credentials_of_a_repository_are_not_repeated() -> None:
    assert "secret" not in str(read(images.local_build(repository="https://u:secret@git.example.test/a.git")).sources)


def github_attestation(**workflow: str) -> Provenance:
    """As actions/attest-build-provenance writes it."""
    said = {"repository": "https://github.com/acme/app", "ref": "refs/tags/v1.0.0", "path": ".github/workflows/a.yml"}
    predicate = {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {**said, **workflow}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/acme/app@refs/tags/v1.0.0", "digest": {"gitCommit": images.COMMIT}},
                {"uri": "git+https://github.com/acme/other@refs/heads/main", "digest": {"gitCommit": "0" * 40}},
            ],
        },
        "runDetails": {"builder": {"id": "https://github.com/acme/app/.github/workflows/a.yml@refs/tags/v1.0.0"}},
    }
    return read(predicate)


def test_githubs_own_attestation_names_the_workflows_repository_commit_and_ref() -> None:
    (source,) = github_attestation().sources
    assert (source.written_by, source.repository) == ("builder", "https://github.com/acme/app")
    assert (source.commit, source.ref) == (images.COMMIT, "refs/tags/v1.0.0")


def test_a_commit_of_another_repository_than_the_workflows_is_not_its_commit() -> None:
    (source,) = github_attestation(repository="https://github.com/acme/other").sources
    assert source.commit == "0" * 40
    assert github_attestation(repository="https://github.com/acme/third").sources == ()
