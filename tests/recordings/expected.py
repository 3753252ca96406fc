"""What each recording in tests/assets/buildkit must show, and what must become of it.

Written by hand from the recorded commands (tests/assets/buildkit/README.md), the sample repository (app.bundle there)
and what is known of each version of BuildKit, never from attest's output: where the two differ, somebody has to find
out who is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

# --- The sample repository --------------------------------------------------------------------------------------------

INITIAL: Final = "8dedf8a5c843d0666ef68b007798d94260e2feb3"  # what the annotated tag v1.0.0 and the tag light1 name
MAIN: Final = "1d48664a74e1311da52e2ecf2e9e71d0a04dc0fb"
FEATURE: Final = "b1501081c5b0fdb059f8bdcb58c90741e05d4343"  # nothing was built from it
TAG_OBJECT: Final = "e02256d6cd519b16739da8f32967ed822ab4420e"  # of v1.0.0

ORIGIN: Final = "https://git.example.test/acme/app.git"  # the checkout's remote
SERVED: Final = "http://127.0.0.1:8099/app.git"  # where BuildKit fetched git contexts

# --- What verify answers ----------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """The exit code, and the reasons of all checks that did not pass."""

    exit: int
    reasons: frozenset[str] = frozenset()


def failed(*reasons: str) -> Answer:
    return Answer(1, frozenset(reasons))


def unknown(*reasons: str) -> Answer:
    return Answer(3, frozenset(reasons))


PASSED: Final = Answer(0)
UNSIGNED: Final = unknown("unsigned", "untrusted")
UNPROVEN: Final = unknown("no-provenance", "untrusted")
NOBODY_BELIEVED: Final = unknown("no-trust", "untrusted")
OTHER_COMMIT: Final = failed("other-commit")

# --- What a recording was built from, and what its provenance says of that --------------------------------------------


class Fact(NamedTuple):
    value: str | bool
    written_by: Literal["builder", "client"]


Source = Mapping[str, Fact]


@dataclass(frozen=True)
class Context:
    """`source` is what provenance says, `repository` and `commit` are the truth as far as the recording knows it.

    `right` is the answer to whether it comes from there once it is signed, `wrong` the answer about another commit.
    BuildKit sees all that it fetches for a git context, and nothing of where a local directory came from, so only the
    former's dependencies are complete.
    """

    source: Source
    repository: str
    commit: str
    right: Answer = PASSED
    wrong: Answer = OTHER_COMMIT
    complete: bool = False


def checkout(repository: str = ORIGIN, commit: str = MAIN) -> Source:
    """A local directory: whatever is known of it, buildx said."""
    return {"repository": Fact(repository, "client"), "commit": Fact(commit, "client")}


def git(ref: str, *, commit: str = "", object_: str = "", repository: str = SERVED) -> Source:
    """A git context: BuildKit fetched it. A bare name may be an annotated tag's, so its sha1 is only an object."""
    said = {"repository": repository, "commit": commit, "object": object_, "ref": ref}
    return {fact: Fact(value, "builder") for fact, value in said.items() if value}


LOCAL: Final = Context(checkout(), ORIGIN, MAIN)
# With BUILDX_GIT_CHECK_DIRTY; without it nobody looked.
DIRTY: Final = Context({**checkout(), "dirty": Fact(True, "client")}, ORIGIN, MAIN, failed("dirty"))
# A named context, or a frontend other than docker/dockerfile, may have put anything in.
LOCAL_AND_MORE: Final = replace(
    LOCAL, right=unknown("source-replaced"), wrong=failed("other-commit", "source-replaced")
)
# buildctl sends what it is told to send, or nothing.
UNNAMED: Final = Context({}, ORIGIN, MAIN, unknown("no-claim"), unknown("no-claim"))
FORGED: Final = Context(
    checkout("https://github.com/torvalds/linux", "0000000000000000000000000000000000000bad"),
    ORIGIN,
    MAIN,
    failed("other-repository", "other-commit"),
    failed("other-repository", "other-commit"),
)

COMMIT: Final = Context(git(INITIAL, commit=INITIAL), SERVED, INITIAL, complete=True)
# An object that is not the expected commit may still be a tag object that names it: unknown, not failed.
BRANCH: Final = Context(git("main", object_=MAIN), SERVED, MAIN, wrong=unknown("not-peelable"), complete=True)
DUMB_HTTP: Final = replace(
    BRANCH,
    source=git("main", object_=MAIN, repository="http://127.0.0.1:8099/dumb/app.git"),
    repository="http://127.0.0.1:8099/dumb/app.git",
)
BRANCH_AND_A_LOCAL_FILE: Final = replace(
    BRANCH, right=unknown("source-replaced"), wrong=unknown("not-peelable", "source-replaced"), complete=False
)
# BuildKit 0.13 to 0.24 write the commit that v1.0.0 peels to; those before and after, the tag object.
TAG_PEELED: Final = replace(BRANCH, source=git("v1.0.0", object_=INITIAL), commit=INITIAL)
TAG: Final = replace(BRANCH, source=git("v1.0.0", object_=TAG_OBJECT), commit=INITIAL, right=unknown("not-peelable"))

# --- In which form it says so -----------------------------------------------------------------------------------------


class Form(NamedTuple):
    predicate_type: str
    statement_type: str
    build_type: str


_V1 = "https://slsa.dev/provenance/v1"
_V02 = "https://slsa.dev/provenance/v0.2"
_STATEMENT_V1 = "https://in-toto.io/Statement/v1"
_STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
_TYPE_V1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
_TYPE_V02 = "https://mobyproject.org/buildkit@v1"

V1: Final = Form(_V1, _STATEMENT_V1, _TYPE_V1)  # BuildKit 0.31 and later; v1 is the default since 0.28
V1_IN_V01: Final = Form(_V1, _STATEMENT_V01, _TYPE_V1)  # 0.23 to 0.27, if asked for v1
V02: Final = Form(_V02, _STATEMENT_V1, _TYPE_V02)  # 0.31 and later, if asked for v0.2
V02_IN_V01: Final = Form(_V02, _STATEMENT_V01, _TYPE_V02)  # all before that

# --- The recordings ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """One row: what was pushed under this name. The mode is min where no --provenance was given."""

    name: str
    form: Form
    mode: Literal["min", "max"]
    context: Context
    platforms: tuple[str, ...] = ("linux/amd64",)
    sbom: bool = False
    builder: str = ""


BOTH: Final = ("linux/amd64", "linux/arm64")
GITHUB_BUILDER: Final = "https://github.com/docker/github-builder/.github/workflows/build.yml@refs/heads/main"

RECORDINGS: Final = (
    Recording("local-default", V1, "min", LOCAL),
    Recording("local-v1-min", V1, "min", LOCAL),
    Recording("local-v1-max", V1, "max", LOCAL),
    Recording("local-v02-min", V02, "min", LOCAL),
    Recording("local-v02-max", V02, "max", LOCAL),
    Recording("bad-key", V1, "max", LOCAL),  # foo=bar is ignored
    Recording("multiplatform", V1, "max", LOCAL, BOTH),
    Recording("imagetools-merged", V1, "max", LOCAL, BOTH),
    Recording("oci-artifact-true", V1, "max", LOCAL),
    Recording("oci-artifact-false", V1, "max", LOCAL),
    Recording("sbom-syft", V1, "max", LOCAL, sbom=True),
    Recording("sbom-tiny", V1, "max", LOCAL, sbom=True),
    Recording("secret-max", V1, "max", LOCAL),
    Recording("cred-remote", V1, "max", LOCAL),  # the remote's user and password are masked, and not shown
    Recording("dirty-check", V1, "max", DIRTY),
    Recording("dirty-default", V1, "max", LOCAL),
    Recording("named-ctx", V1, "max", LOCAL_AND_MORE),
    Recording("syntax-max", V1, "max", LOCAL_AND_MORE),
    Recording("buildctl-local-max", V1, "max", UNNAMED),
    Recording("forged-vcs", V1, "max", FORGED, builder=GITHUB_BUILDER),
    Recording("remote-v1-max-branch", V1, "max", BRANCH),
    Recording("remote-v1-max-commit", V1, "max", COMMIT),
    Recording("remote-v1-max-tag", V1, "max", TAG),
    Recording("remote-v1-min-tag", V1, "min", TAG),
    Recording("remote-v02-max-tag", V02, "max", TAG),
    Recording("builder-id", V1, "max", BRANCH, builder="https://ci.example.test/runs/42"),
    Recording("cache-from", V1, "max", BRANCH),
    Recording("cache-to", V1, "max", BRANCH),
    Recording("cache-to-index", V1, "max", BRANCH),
    Recording("dumb-http", V1, "max", DUMB_HTTP),
    Recording("hermetic-network-none", V1, "max", BRANCH),
    Recording("inline-only", V1, "max", BRANCH),
    Recording("local-file-remote-ctx", V1, "max", BRANCH_AND_A_LOCAL_FILE),
    Recording("out-oci-dir", V1, "max", BRANCH),
    Recording("provenance-env", V1, "max", BRANCH),
    Recording("push-by-digest", V1, "max", BRANCH),
    Recording("repro", V1, "max", BRANCH),
    Recording("two-tags", V1, "max", BRANCH),
    # BuildKit 0.11.6 knows one form, whatever is asked for.
    Recording("bk-v0.11.6-default-local", V02_IN_V01, "min", LOCAL),
    Recording("bk-v0.11.6-max-local", V02_IN_V01, "max", LOCAL),
    Recording("bk-v0.11.6-sbom", V02_IN_V01, "max", LOCAL, sbom=True),
    Recording("bk-v0.11.6-artifact", V02_IN_V01, "max", BRANCH),
    Recording("bk-v0.11.6-max-remote-tag", V02_IN_V01, "max", TAG),
    Recording("bk-v0.11.6-min-v02-remote", V02_IN_V01, "min", BRANCH),
    Recording("bk-v0.11.6-v1-remote", V02_IN_V01, "max", BRANCH),
    # BuildKit 0.24 writes v1 only if asked for.
    Recording("bk-v0.24.0-default-local", V02_IN_V01, "min", LOCAL),
    Recording("bk-v0.24.0-max-local", V02_IN_V01, "max", LOCAL),
    Recording("bk-v0.24.0-sbom", V02_IN_V01, "max", LOCAL, sbom=True),
    Recording("bk-v0.24.0-artifact", V02_IN_V01, "max", BRANCH),
    Recording("bk-v0.24.0-max-remote-tag", V02_IN_V01, "max", TAG_PEELED),
    Recording("bk-v0.24.0-min-v02-remote", V02_IN_V01, "min", BRANCH),
    Recording("bk-v0.24.0-v1-remote", V1_IN_V01, "max", BRANCH),
)

# --provenance=false: a single manifest, and nothing beside it.
WITHOUT_PROVENANCE: Final = "local-noprov"

# --build-arg TOKEN=supersecretarg stands in the provenance: nobody vouches for that.
WITH_A_CREDENTIAL: Final = "secret-max"
