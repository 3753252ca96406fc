"""GitLab CI's predefined variables (docs.gitlab.com, "Predefined CI/CD variables reference")."""

from __future__ import annotations

from pathlib import Path

from attest.ci.interface import Environment, Job, JobSource, Stated, stated, stated_commit, truth
from attest.evidence.provenance import HEADS, TAGS
from attest.evidence.repository import without_credentials


def job_source(environ: Environment, directory: Path | None) -> JobSource | None:  # noqa: ARG001
    """What this job says; None outside GitLab."""
    if not environ.get("GITLAB_CI"):
        return None
    project = stated(environ, "CI_PROJECT_URL")
    return JobSource(
        platform="gitlab",
        repository=Stated(without_credentials(project.value), project.origin) if project else None,
        commit=stated_commit(environ, "CI_COMMIT_SHA"),
        ref=_ref(environ),
        tag=stated(environ, "CI_COMMIT_TAG"),
        protected=truth(environ, "CI_COMMIT_REF_PROTECTED"),
        job=_job(environ),
    )


def _ref(environ: Environment) -> Stated | None:
    # Exactly one is set: by a tag's pipeline, a branch's, a merge request's.
    for name, prefix in (("CI_COMMIT_TAG", TAGS), ("CI_COMMIT_BRANCH", HEADS), ("CI_MERGE_REQUEST_REF_PATH", "")):
        if found := stated(environ, name):
            return Stated(prefix + found.value, name)
    return None


def _job(environ: Environment) -> Job:
    return Job(
        id=environ.get("CI_JOB_ID", ""),
        url=without_credentials(environ.get("CI_JOB_URL", "")),
        pipeline_id=environ.get("CI_PIPELINE_ID", ""),
        pipeline_url=without_credentials(environ.get("CI_PIPELINE_URL", "")),
        pipeline_source=environ.get("CI_PIPELINE_SOURCE", ""),
        runner_id=environ.get("CI_RUNNER_ID", ""),
        runner_description=environ.get("CI_RUNNER_DESCRIPTION", ""),
        configuration_path=environ.get("CI_CONFIG_PATH", ""),
    )
