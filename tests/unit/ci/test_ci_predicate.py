from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from attest.ci.interface import Job, JobSource, Stated
from attest.ci.predicate import ci_job_predicate
from attest.ci.source import source_of_this_job
from attest.evidence.statement import CI_JOB

DOCUMENT = Path(__file__).parents[3] / "docs" / "predicates" / "ci-job.md"
COMMIT = "8dedf8a5c843d0666ef68b007798d94260e2feb3"
TAG_OBJECT = (
    f"object {COMMIT}\ntype commit\ntag v1.0.0\ntagger Alex Example <alex@example.com> 1767323045 +0000\n"
    "\nFirst release\n"
).encode()
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example.com/acme/app",
    "CI_COMMIT_SHA": COMMIT,
    "CI_COMMIT_TAG": "v1.0.0",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_JOB_ID": "4711",
    "CI_JOB_URL": "https://gitlab.example.com/acme/app/-/jobs/4711",
    "CI_PIPELINE_ID": "815",
    "CI_PIPELINE_URL": "https://gitlab.example.com/acme/app/-/pipelines/815",
    "CI_PIPELINE_SOURCE": "push",
    "CI_RUNNER_ID": "12",
    "CI_RUNNER_DESCRIPTION": "docker runner, building 3",
    "CI_CONFIG_PATH": ".gitlab-ci.yml",
}


def test_the_documented_example_is_what_this_job_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert json.loads(example[1]) == ci_job_predicate(source_of_this_job(GITLAB, None, {}), TAG_OBJECT)


def test_the_document_names_the_type_and_the_tags_object_name() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    name = hashlib.sha1(b"tag %d\0" % len(TAG_OBJECT) + TAG_OBJECT, usedforsecurity=False).hexdigest()
    assert f"`{CI_JOB}`" in text
    assert f"The object name of this tag is `{name}`." in text


def test_every_field_and_every_variable_that_is_read_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    everything = JobSource(
        "git",
        Stated("https://git.example.com/a/b", "x"),
        Stated(COMMIT, "x"),
        Stated("refs/heads/main", "x"),
        Stated("v1", "x"),
        True,
        Job(*("1" for _ in Job.__dataclass_fields__)),
    )
    for group, fields in ci_job_predicate(everything, b"tag").items():
        assert isinstance(fields, dict)
        for name in fields if group != "origins" else ():
            assert f"`{group}.{name}`" in text
    for name in GITLAB:
        assert name == "GITLAB_CI" or f"`{name}`" in text


def test_what_is_not_known_is_left_out() -> None:
    assert ci_job_predicate(JobSource(), None) == {}
    assert ci_job_predicate(JobSource(platform="git", protected=False), b"") == {
        "source": {"protected": False},
        "job": {"platform": "git"},
    }


def test_a_branch_is_named_without_its_prefix() -> None:
    job = JobSource(platform="git", ref=Stated("refs/heads/feature/x", "git branch in ."))
    assert ci_job_predicate(job, None)["source"] == {"ref": "refs/heads/feature/x", "branch": "feature/x"}


def test_the_tag_object_comes_back_byte_by_byte() -> None:
    source = ci_job_predicate(JobSource(), b"\xff\x00 not text\n")["source"]
    assert isinstance(source, dict)
    assert base64.b64decode(source["tagObject"]) == b"\xff\x00 not text\n"
