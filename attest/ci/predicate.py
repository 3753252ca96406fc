"""The statement that a job makes about itself, for what BuildKit cannot say: above all the tag of a local checkout.

Described in docs/predicates/ci-job.md. The signer vouches for it, nobody else.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from attest.ci.interface import JobSource, Stated
from attest.oci.document import Json, JsonObject


def ci_job_predicate(job: JobSource, tag_object: bytes | None) -> JsonObject:
    """The predicate; what is not known is left out. `tag_object` is the body that `git cat-file tag` gives."""
    run = job.job
    facts = {"repository": job.repository, "commit": job.commit, "ref": job.ref, "tag": job.tag}
    source: dict[str, Json] = {name: stated.value for name, stated in facts.items() if stated is not None}
    source["branch"] = job.branch
    source["protected"] = job.protected
    source["tagObject"] = base64.b64encode(tag_object).decode() if tag_object else None
    return _known(
        {
            "source": _known(source),
            "job": _known({"platform": job.platform, "id": run.id, "url": run.url}),
            "pipeline": _known({"id": run.pipeline_id, "url": run.pipeline_url, "source": run.pipeline_source}),
            "runner": _known({"id": run.runner_id, "description": run.runner_description}),
            "configuration": _known({"path": run.configuration_path}),
            "origins": _origins(facts),
        }
    )


def _origins(facts: Mapping[str, Stated | None]) -> JsonObject:
    return {name: stated.origin for name, stated in facts.items() if stated is not None}


def _known(document: JsonObject) -> JsonObject:
    return {name: value for name, value in document.items() if value not in (None, "", {})}
