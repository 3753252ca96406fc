"""`attest verify` with a policy, the job's own values and verification summaries, as people run it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli.demo import COMMIT, REPOSITORY, TAG
from attest.evidence.statement import STATEMENT_V1
from attest.policy.summaries import SUMMARY
from attest.reference import Digest
from tests.cli.layouts import SOURCE, Layout
from tests.cli.running import Done, attest, minimal

GOOD: Final = f"""schema = "policy.v1"
[[trust.keys]]
key = "attest.pub"
[source]
repository = "{REPOSITORY}"
tags = ["/v[0-9.]+/"]
commit_required = true
"""
SUMMED: Final = (
    GOOD
    + """[[summaries]]
verifier = "https://oci-attest.github.io/attest"
max_age = "1d"
[[summaries.keys]]
key = "other.pub"
"""
)


@pytest.fixture
def folder(ground: Path, tmp_path: Path) -> Path:
    """A folder with two pairs of keys, the signed image, and a policy that it satisfies."""
    for name in ("attest.pub", "attest.key", "other.pub", "other.key"):
        shutil.copy(ground / name, tmp_path)
    Layout.copy(ground / "signed", tmp_path / "signed")
    (tmp_path / "policy.toml").write_text(GOOD)
    return tmp_path


def verify(folder: Path, *arguments: str, image: str = f"oci-layout:signed:{TAG}", **env: str) -> Done:
    return attest("verify", image, *arguments, env=minimal(folder, **env), cwd=folder)


def report(done: Done) -> Any:
    return json.loads(done.out)


def test_a_policy_says_all_that_is_needed(folder: Path) -> None:
    done = verify(folder, "--policy", "policy.toml", "--format", "json")

    assert done.code == 0, done
    assert report(done)["policy"] == {"uri": "policy.toml", "digest": str(Digest.of(GOOD.encode()))}
    by_id = {check["id"]: check for check in report(done)["checks"]}
    assert by_id["source.repository"]["origin"] == "policy.toml:5"
    assert by_id["source.tag"]["expected"] == "/v[0-9.]+/"


def test_a_flag_tightens_what_the_policy_allows(folder: Path) -> None:
    assert verify(folder, "--policy", "policy.toml", "--source-tag", TAG).code == 0

    done = verify(folder, "--policy", "policy.toml", "--source-tag", "v9.9.9", "--format", "json")

    assert (done.code, report(done)["verdict"]) == (1, "failed")


def test_a_flag_does_not_add_somebody_to_believe(folder: Path) -> None:
    assert verify(folder, "--policy", "policy.toml", "--key", "attest.pub").code == 0

    done = verify(folder, "--policy", "policy.toml", "--key", "other.pub")

    assert (done.code, done.out) == (2, "")
    assert "--key other.pub: not a root of trust of policy.toml" in done.err


def test_a_policy_without_roots_leaves_trust_to_the_flags(folder: Path) -> None:
    (folder / "policy.toml").write_text(GOOD.replace('[[trust.keys]]\nkey = "attest.pub"\n', ""))

    assert verify(folder, "--policy", "policy.toml", "--key", "attest.pub").code == 0
    assert verify(folder, "--policy", "policy.toml").code == 3
    assert verify(folder, "--policy", "policy.toml", "--key", "other.pub").code == 1


@pytest.mark.parametrize("arguments", [("--signature-only",), ("--trusted-root", "attest.pub")])
def test_what_would_loosen_it_is_a_usage_error(folder: Path, arguments: tuple[str, ...]) -> None:
    identity = '[[trust.identities]]\nidentity = "https://gitlab.test/a//.gitlab-ci.yml@refs/tags/v1"\n'
    (folder / "policy.toml").write_text(GOOD.replace("[source]", identity + 'issuer = "https://gitlab.test"\n[source]'))

    done = verify(folder, "--policy", "policy.toml", *arguments)

    assert (done.code, done.out) == (2, "")


def test_with_a_key_nobody_but_the_signer_vouches_and_that_may_be_too_little(folder: Path) -> None:
    done = verify(folder, "--policy", "policy.toml", "--require-vouched", "--format", "json")

    assert done.code == 3
    assert {check["reason"] for check in report(done)["checks"] if check["status"] == "unknown"} == {"not-vouched"}


def test_a_denied_key_and_a_denied_digest_fail(folder: Path) -> None:
    (folder / "policy.toml").write_text(
        GOOD.replace("[[trust.keys]]", '[trust]\ndenied_keys = ["attest.pub"]\n[[trust.keys]]')
    )
    denied_key = verify(folder, "--policy", "policy.toml", "--format", "json")
    image = Layout(folder / "signed").image
    (folder / "policy.toml").write_text(GOOD.replace("[[trust.keys]]", f'denied_digests = ["{image}"]\n[[trust.keys]]'))
    denied_digest = verify(folder, "--policy", "policy.toml", "--format", "json")

    assert [done.code for done in (denied_key, denied_digest)] == [1, 1]
    assert "denied" in {check.get("reason") for check in report(denied_key)["checks"]}
    assert {check["id"] for check in report(denied_digest)["checks"] if check["status"] == "failed"} == {"image.denied"}


def test_a_key_is_believed_in_its_window_only(folder: Path) -> None:
    past = GOOD.replace('key = "attest.pub"', 'key = "attest.pub"\nnot_after = 2020-01-01T00:00:00Z')
    now = GOOD.replace('key = "attest.pub"', 'key = "attest.pub"\nnot_after = 2999-01-01T00:00:00Z')
    (folder / "policy.toml").write_text(now)
    assert verify(folder, "--policy", "policy.toml").code == 0

    (folder / "policy.toml").write_text(past)
    done = verify(folder, "--policy", "policy.toml", "--format", "json")

    assert done.code == 1
    assert "outside-window" in {check.get("reason") for check in report(done)["checks"]}


def test_the_images_tag_is_bound_to_the_sources(folder: Path) -> None:
    (folder / "policy.toml").write_text('image_tag = "{source_tag}"\n' + GOOD)
    assert verify(folder, "--policy", "policy.toml").code == 0

    layout = Layout(folder / "signed")
    index = json.loads((layout.path / "index.json").read_text())
    index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = "v2.0.0"
    (layout.path / "index.json").write_text(json.dumps(index))
    done = verify(folder, "--policy", "policy.toml", "--format", "json", image="oci-layout:signed:v2.0.0")

    assert done.code == 1
    assert {check["id"] for check in report(done)["checks"] if check["status"] == "failed"} == {"image.tag"}


# --- --from-ci --------------------------------------------------------------------------------------------------------

GITLAB: Final = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": REPOSITORY,
    "CI_COMMIT_SHA": COMMIT,
    "CI_COMMIT_TAG": TAG,
}


def test_the_jobs_own_values_are_expected_only_when_asked(folder: Path) -> None:
    other = {**GITLAB, "CI_COMMIT_SHA": "0" * 40}
    assert verify(folder, "--key", "attest.pub", *SOURCE, **other).code == 0

    done = verify(folder, "--key", "attest.pub", "--from-ci", "--format", "json", **GITLAB)
    wrong = verify(folder, "--key", "attest.pub", "--from-ci", "--format", "json", **other)

    assert (done.code, wrong.code) == (0, 1), (done, wrong)
    origins = {check["id"]: check.get("origin") for check in report(done)["checks"]}
    assert origins["source.repository"] == "CI_PROJECT_URL (--from-ci)"
    assert origins["source.commit"] == "CI_COMMIT_SHA (--from-ci)"
    assert origins["source.tag"] == "CI_COMMIT_TAG (--from-ci)"


def test_a_flag_and_the_job_that_differ_cannot_both_be_meant(folder: Path) -> None:
    done = verify(folder, "--key", "attest.pub", "--from-ci", "--source-commit", "0" * 40, **GITLAB)

    assert (done.code, done.out) == (2, "")
    assert "CI_COMMIT_SHA (--from-ci)" in done.err


def test_where_there_is_no_job_nothing_is_expected_of_it(folder: Path) -> None:
    done = verify(folder, "--key", "attest.pub", "--from-ci")
    assert (done.code, done.out) == (2, "")


# --- summaries --------------------------------------------------------------------------------------------------------


def test_a_summary_says_what_was_found_with_every_input(folder: Path) -> None:
    done = verify(folder, "--policy", "policy.toml", "--vsa-output", "vsa.json")
    assert done.code == 0

    statement = json.loads((folder / "vsa.json").read_text())

    image = Layout(folder / "signed").image
    predicate = statement["predicate"]
    assert (statement["_type"], statement["predicateType"]) == (STATEMENT_V1, SUMMARY)
    assert [subject["digest"] for subject in statement["subject"]] == [{"sha256": image.removeprefix("sha256:")}]
    assert predicate["resourceUri"] == f"oci-layout:signed:{TAG}"
    assert predicate["policy"] == {"uri": "policy.toml", "digest": {"sha256": Digest.of(GOOD.encode()).hex}}
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("PASSED", ["SLSA_BUILD_LEVEL_1"])
    bundles = {entry["layers"][0]["digest"] for entry in referrers(folder)}
    assert bundles <= {f"sha256:{one['digest']['sha256']}" for one in predicate["inputAttestations"]}


def referrers(folder: Path) -> list[Any]:
    layout = Layout(folder / "signed")
    return [layout.read(entry["digest"]) for entry in layout.entries[1:]]


def test_a_failed_image_gets_a_failed_summary_and_an_unknown_one_none(folder: Path) -> None:
    failed = verify(folder, "--policy", "policy.toml", "--source-tag", "v9.9.9", "--vsa-output", "failed.json")
    unknown = verify(folder, "--policy", "policy.toml", "--require-vouched", "--vsa-output", "unknown.json")

    assert (failed.code, unknown.code) == (1, 3)
    predicate = json.loads((folder / "failed.json").read_text())["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])
    assert not (folder / "unknown.json").exists()
    assert "no summary was written" in unknown.err


def test_a_signed_summary_stands_for_the_evidence_under_the_same_policy(folder: Path) -> None:
    (folder / "policy.toml").write_text(SUMMED)
    signing = ("--vsa-output", "vsa.json", "--vsa-key", "other.key", "--vsa-attach")
    assert verify(folder, "--policy", "policy.toml", *signing).code == 0
    remove_all_but(folder, SUMMARY)

    summed = verify(folder, "--policy", "policy.toml", "--format", "json")
    explicit = verify(folder, "--policy", "policy.toml", "--source-commit", COMMIT)
    (folder / "policy.toml").write_text(SUMMED + '[build]\nmax_age = "99999d"\n')
    under_another_policy = verify(folder, "--policy", "policy.toml")

    assert summed.code == 0, summed
    assert "summary.accepted" in {check["id"] for check in report(summed)["checks"]}
    assert (explicit.code, under_another_policy.code) == (3, 3)


def remove_all_but(folder: Path, predicate_type: str) -> None:
    """Leave the image without its provenance and signatures, as a mirror does that copies no more than it must."""
    layout = Layout(folder / "signed")
    index = json.loads((layout.path / "index.json").read_text())
    kept = [
        entry
        for entry in index["manifests"][1:]
        if layout.read(entry["digest"])["annotations"].get("dev.sigstore.bundle.predicateType") == predicate_type
    ]
    assert len(kept) == 1
    index["manifests"] = [index["manifests"][0], *kept]
    (layout.path / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--vsa-output", "vsa.json"),
        ("--policy", "policy.toml", "--vsa-key", "other.key"),
        ("--policy", "policy.toml", "--vsa-output", "vsa.json", "--vsa-attach"),
    ],
)
def test_half_a_wish_for_a_summary_is_a_usage_error(folder: Path, arguments: tuple[str, ...]) -> None:
    done = verify(folder, *arguments)
    assert (done.code, done.out) == (2, "")


def test_a_verifier_that_signs_as_images_are_signed_is_refused(folder: Path) -> None:
    (folder / "policy.toml").write_text(SUMMED.replace("other.pub", "attest.pub"))

    done = verify(folder, "--policy", "policy.toml")

    assert (done.code, done.out) == (2, "")


# --- What would silently be lost --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twice",
    [
        ("--policy", "policy.toml", "--policy", "lax.toml"),
        ("--policy", "policy.toml", "--source-tag", "v9.9.9", "--source-tag", TAG),
        ("--key", "attest.pub", "--source-commit", "0" * 40, "--source-commit", COMMIT),
    ],
)
def test_what_is_given_twice_is_not_taken_once(folder: Path, twice: tuple[str, ...]) -> None:
    (folder / "lax.toml").write_text(GOOD)
    done = verify(folder, *twice)

    assert (done.code, done.out) == (2, "")
    assert "given more than once" in done.err


@pytest.mark.parametrize(
    "variables",
    [
        {"CI_COMMIT_SHA": ""},
        {"CI_COMMIT_SHA": COMMIT[:12]},
        {"CI_COMMIT_SHA": "main"},
        {"CI_PROJECT_URL": ""},
        {"GITHUB_ACTIONS": "true"},
    ],
)
def test_a_variable_that_is_empty_or_cut_short_turns_no_expectation_off(
    folder: Path, variables: dict[str, str]
) -> None:
    done = verify(folder, "--key", "attest.pub", "--from-ci", **{**GITLAB, **variables})

    assert (done.code, done.out) == (2, "")


def test_a_summary_that_cannot_be_written_does_not_hide_the_verdict(folder: Path) -> None:
    failing = ("--policy", "policy.toml", "--source-tag", "v9.9.9")
    (folder / "taken").mkdir()
    (folder / "taken" / "vsa.json").mkdir()

    done = verify(folder, *failing, "--vsa-output", "taken/vsa.json")

    assert done.code in (1, 2)
    assert done.code == 2 or done.out.startswith("FAILED")


def test_the_key_of_images_signs_no_summary(folder: Path) -> None:
    done = verify(folder, "--policy", "policy.toml", "--vsa-output", "vsa.json", "--vsa-key", "attest.key")

    assert (done.code, done.out) == (2, "")
    assert not (folder / "vsa.json").exists()


def test_a_layout_s_tag_stands_beside_its_digest(folder: Path) -> None:
    (folder / "policy.toml").write_text('image_tag = "{source_tag}"\n' + GOOD)
    image = f"oci-layout:signed:{TAG}@{Layout(folder / 'signed').image}"

    done = verify(folder, "--policy", "policy.toml", "--format", "json", image=image)

    assert done.code == 0, done
    assert report(done)["image"]["reference"] == image


def test_a_summary_that_does_not_count_says_why(folder: Path) -> None:
    (folder / "policy.toml").write_text(SUMMED)
    signing = ("--vsa-output", "vsa.json", "--vsa-key", "other.key", "--vsa-attach")
    assert verify(folder, "--policy", "policy.toml", *signing).code == 0
    (folder / "policy.toml").write_text(SUMMED + "# another version\n")

    done = verify(folder, "--policy", "policy.toml")

    assert done.code == 0
    assert "is of no account: it was judged by another policy" in " ".join(done.out.split())
