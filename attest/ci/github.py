"""GitHub Actions' default variables (docs.github.com, "Variables reference"); Forgejo and Gitea set the same."""

from __future__ import annotations

from pathlib import Path

from attest.ci.interface import Environment, Job, JobSource, Stated, stated, stated_commit, truth
from attest.evidence.provenance import TAGS
from attest.evidence.repository import without_credentials


def job_source(environ: Environment, directory: Path | None) -> JobSource | None:  # noqa: ARG001
    """What this job says; None outside GitHub Actions."""
    if not environ.get("GITHUB_ACTIONS"):
        return None
    ref = stated(environ, "GITHUB_REF")
    return JobSource(
        platform="github",
        repository=_repository(environ),
        commit=stated_commit(environ, "GITHUB_SHA"),
        ref=ref,
        tag=Stated(ref.value.removeprefix(TAGS), ref.origin) if ref and ref.value.startswith(TAGS) else None,
        protected=truth(environ, "GITHUB_REF_PROTECTED"),
        job=_job(environ),
    )


def _repository(environ: Environment) -> Stated | None:
    server, name = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    if not server or not name:
        return None
    return Stated(without_credentials(f"{server.rstrip('/')}/{name}"), "GITHUB_SERVER_URL and GITHUB_REPOSITORY")


def _job(environ: Environment) -> Job:
    return Job(
        id=environ.get("GITHUB_JOB", ""),
        pipeline_id=environ.get("GITHUB_RUN_ID", ""),
        pipeline_url=_run_url(environ),
        pipeline_source=environ.get("GITHUB_EVENT_NAME", ""),
        runner_description=environ.get("RUNNER_NAME", ""),
        configuration_path=_workflow_path(environ),
    )


def _run_url(environ: Environment) -> str:
    repository, run = _repository(environ), environ.get("GITHUB_RUN_ID", "")
    if repository is None or not run:
        return ""
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    return f"{repository.value}/actions/runs/{run}" + (f"/attempts/{attempt}" if attempt else "")


def _workflow_path(environ: Environment) -> str:
    """`OWNER/REPOSITORY/.github/workflows/x.yml@REF` without repository and ref, which are said elsewhere."""
    path = environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0]
    return path.removeprefix(f"{environ.get('GITHUB_REPOSITORY', '')}/")
