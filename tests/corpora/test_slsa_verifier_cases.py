"""slsa-verifier's own cases of images by SLSA's generator for containers, asked in the language of policies.

Its table (CASES.tsv) says what each must come to and for which reason. Offline, against the public instance's root.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from attest.oci.disk.layout import Layout
from attest.policy.expectations import Expectations
from attest.policy.language.reading import read_policy
from attest.policy.policy import Policy
from attest.policy.report import Report, Status
from attest.policy.roots import believed
from attest.reference import LayoutReference, parse_reference
from attest.trust.certified.certificates import TrustedRoots
from attest.verification import verify_reference
from tests.recordings.reading import verify

CORPORA: Final = os.environ.get("ATTEST_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")

ROOT: Final = Path(CORPORA, "trusted-roots/production/trusted_root.json")
GENERATOR: Final = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
)
POLICY: Final = """\
schema = "policy.v1"

[trust]
trusted_root = "{root}"

[[trust.identities]]
identity = "{generator}@refs/tags/{version}"
issuer = "https://token.actions.githubusercontent.com"
builders = ["{generator}"]
isolated = true
level = 3

[source]
repository = "https://{repository}"
vouchers = ["certificate", "builder"]

[build]
builders = ["{generator}"]
types = ["https://github.com/slsa-framework/slsa-github-generator/container@v1"]
level = 3
"""
# What slsa-verifier says, and the check and the reason by which it is said here.
REASONS: Final = {
    "ErrorMismatchSource": ("source.repository", "other-repository"),
    "ErrorMismatchBranch": ("source.branch", "other-branch"),
    "ErrorInvalidRef": ("source.tag", "other-tag"),
    "ErrorMismatchTag": ("source.tag", "other-tag"),
    "ErrorMismatchVersionedTag": ("source.tag", "other-tag"),
    "ErrorUntrustedReusableWorkflow": ("builder.id", "other-builder"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a layout, what is asked of it, and what must not pass of that."""

    layout: Path
    version: str
    repository: str
    branch: str
    tag: str
    versioned_tag: str
    builder: str
    troubles: frozenset[tuple[str, str]]

    @property
    def flags(self) -> tuple[str, ...]:
        asked = {
            "--source-branch": self.branch,
            "--source-tag": self.tag,
            "--source-versioned-tag": self.versioned_tag,
            "--builder-id": self.builder,
        }
        return tuple(word for flag, value in asked.items() if value for word in (flag, value))

    def policy(self, folder: Path, version: str = "") -> Path:
        """The policy for images by this version of the builder, or by another."""
        path = folder / "policy.toml"
        fields = {"root": ROOT, "generator": GENERATOR, "repository": self.repository}
        path.write_text(POLICY.format(**fields, version=version or self.version))
        return path


def rows() -> Iterator[dict[str, str]]:
    if CORPORA:
        yield from csv.DictReader(Path(CORPORA, "slsa-verifier/CASES.tsv").read_text().splitlines(), delimiter="\t")


def case_of(row: dict[str, str]) -> Case:
    layout = Path(CORPORA, "slsa-verifier", f"{row['path']}@{row['image_digest']}")
    asked = (row["source_uri"], row["branch"], row["tag"], row["versioned_tag"], row["builder_id"])
    reason = {"FAIL": row["upstream_error"], "PASS": ""}[row["expected"]]
    return Case(layout, layout.parent.name, *asked, frozenset({REASONS[reason]} if reason else ()))


CASES: Final = tuple(case_of(row) for row in rows())
each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: "-".join((case.version, case.repository, *case.flags[1::2]))
)


def judge(case: Case, policy: Policy) -> Report:
    reference = parse_reference(f"oci-layout:{case.layout}")
    assert isinstance(reference, LayoutReference)
    trust = believed(policy, (), (), TrustedRoots(ROOT), {})
    expected = Expectations(
        tag=case.tag, branch=case.branch, versioned_tag=case.versioned_tag, builder=case.builder, policy=policy
    )
    return verify_reference(Layout(reference), trust, expected)


def troubles(report: Report) -> set[tuple[str, str]]:
    return {(check.id, check.reason) for check in report.checks if check.status is not Status.PASSED}


@each_case
def test_each_case_comes_to_slsa_verifiers_verdict_for_its_reason(case: Case, tmp_path: Path) -> None:
    report = judge(case, read_policy(str(case.policy(tmp_path))))

    assert troubles(report) == case.troubles
    assert report.verdict is (Status.FAILED if case.troubles else Status.PASSED)
    assert report.level.reached == 3


@each_case
def test_the_command_line_says_the_same(case: Case, tmp_path: Path) -> None:
    report = verify(case.layout, "--policy", case.policy(tmp_path), *case.flags)

    found = {(check["id"], check["reason"]) for check in report["checks"] if check["status"] != "passed"}
    assert found == case.troubles
    assert report["exit"] == (1 if case.troubles else 0)
    vouchers = {check["id"]: check.get("vouchedBy") for check in report["checks"] if check["id"].startswith("source.")}
    # On which branch a tag was made, GitHub told the builder, and the certificate is silent.
    of_tags_branch = "builder" if case.version == "v2.0.0" else "certificate"
    assert vouchers.pop("source.branch", of_tags_branch) == of_tags_branch
    assert set(vouchers.values()) == {"certificate"}


def test_the_table_has_cases_of_every_kind() -> None:
    assert len(CASES) == 66
    assert {trouble for case in CASES for trouble in case.troubles} == set(REASONS.values())
    assert sum(not case.troubles for case in CASES) == 16


@pytest.mark.parametrize(("version", "another"), [("v1.6.0", "v2.0.0"), ("v2.0.0", "v1.6.0")])
def test_a_policy_for_another_version_of_the_builder_believes_nothing_of_it(
    version: str, another: str, tmp_path: Path
) -> None:
    case = next(case for case in CASES if case.version == version and not case.troubles)

    report = judge(case, read_policy(str(case.policy(tmp_path, another))))

    assert report.verdict is Status.FAILED
    assert ("signer.identity", "other-identity") in troubles(report)


def test_nothing_stops_at_the_first_mismatch(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.repository.endswith("packageA"))

    report = judge(replace(case, builder=f"{GENERATOR}x"), read_policy(str(case.policy(tmp_path))))

    assert troubles(report) == {REASONS["ErrorMismatchSource"], REASONS["ErrorUntrustedReusableWorkflow"]}


def test_the_branch_that_a_tag_was_made_on_is_the_word_of_an_isolated_builder_alone(tmp_path: Path) -> None:
    case = next(case for case in CASES if (case.version, case.branch, case.builder) == ("v2.0.0", "main", ""))
    path = case.policy(tmp_path)
    assert judge(case, read_policy(str(path))).verdict is Status.PASSED

    path.write_text(path.read_text().replace("isolated = true\n", ""))

    report = judge(case, read_policy(str(path)))
    assert (report.verdict, troubles(report)) == (Status.UNKNOWN, {("source.branch", "not-vouched")})
