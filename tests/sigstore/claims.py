"""Identity tokens of a GitLab job, and what Fulcio's `gitlab-pipeline` provider makes of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import jwt

from tests.authority import Key

GITLAB: Final = "https://git.example.test"
PIPELINE: Final = "git.example.test/acme/app//.gitlab-ci.yml@refs/tags/v1.0.0"
COMMIT: Final = "a" * 40

# fulcio/docs/oid-info.md: the number of the extension, and the claim's place in it.
_EXTENSIONS: Final[Mapping[int, str]] = {
    11: "{runner_environment}",
    12: GITLAB + "/{project_path}",
    13: "{sha}",
    14: "{ref_path}",
    18: "https://{ci_config_ref_uri}",
    21: GITLAB + "/{project_path}/-/jobs/{job_id}",
    22: "{project_visibility}",
}


def gitlab_token(key: Key, issuer: str, **claims: Any) -> str:
    """A token as GitLab's `id_tokens` makes it; a claim of None is left out."""
    now = int(time.time())
    usual = {
        "iss": issuer,
        "aud": "sigstore",
        "sub": "project_path:acme/app:ref_type:tag:ref:v1.0.0",
        "iat": now,
        "nbf": now - 5,
        "exp": now + 600,
        "project_path": "acme/app",
        "project_id": "7",
        "namespace_path": "acme",
        "namespace_id": "3",
        "ref": "v1.0.0",
        "ref_type": "tag",
        "ref_path": "refs/tags/v1.0.0",
        "sha": COMMIT,
        "job_id": "42",
        "pipeline_id": "9",
        "pipeline_source": "push",
        "project_visibility": "private",
        "runner_environment": "self-hosted",
        "ci_config_ref_uri": PIPELINE,
        "ci_config_sha": COMMIT,
    }
    chosen = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(chosen, key, algorithm="ES256", headers={"kid": "k"})


def extensions_of(claims: Mapping[str, Any]) -> dict[int, str]:
    """The certificate's extensions by number."""
    return {8: claims["iss"], **{number: form.format(**claims) for number, form in _EXTENSIONS.items()}}
