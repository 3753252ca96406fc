"""The checks of what a build was given: parameters, materials, and the images that it was built from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, unquote

from attest.evidence.buildkit_request import is_of_buildkit
from attest.evidence.provenance import Dependency, Provenance
from attest.policy.checks.asking import Answer, ask
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.pattern import any_matches, listed
from attest.policy.policy import BaseImageRules, ParameterRules
from attest.policy.report import Check, Status
from attest.trust.authentication import VerifiedStatement

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def parameters_allowed(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Has every parameter a value that is allowed, and is every other one absent? Values are not repeated: some are
    secrets that should not have been there.
    """
    rules = expected.policy.parameters if expected.policy else ParameterRules()
    if expected.policy is None or not (rules.closed or rules.allowed):
        return

    def question(_: VerifiedStatement, said: Provenance) -> Answer:
        for one in said.parameters:
            if one.name in rules.allowed and not any_matches(rules.allowed[one.name], one.value):
                wanted = listed(rules.allowed[one.name]) or "none"
                return Answer(FAILED, f"{one.name} has another value than {wanted}", "parameter-value", one.name)
            if rules.closed and one.name not in rules.allowed:
                return Answer(FAILED, f"{one.name} is a parameter that is not allowed", "parameter-unlisted", one.name)
        if not said.parameters_complete:
            return Answer(UNKNOWN, "the provenance does not list every parameter (mode=min)", "incomplete")
        return Answer(PASSED, "every parameter is allowed")

    origin = expected.policy.origin("parameters.closed" if rules.closed else "parameters.allowed")
    wanted = ", ".join(rules.allowed) + (" and nothing else" if rules.closed else "")
    yield ask("parameters.allowed", source, origin, wanted.removeprefix(" and "), question)


def materials_complete(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Does the provenance list everything that the build used?"""
    if expected.policy is None or not expected.policy.build.complete:
        return

    def question(_: VerifiedStatement, said: Provenance) -> Answer:
        if said.dependencies_complete:
            return Answer(PASSED, "everything that the build used is listed")
        return Answer(FAILED, "the provenance does not list everything that the build used", "incomplete")

    yield ask("materials.complete", source, expected.policy.origin("build.complete"), "complete", question)


def base_images(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Are the images that it was built from (frontends and scanners among them) allowed, and pinned by digest?"""
    rules = expected.policy.base_images if expected.policy else BaseImageRules()
    if expected.policy is None:
        return

    def allowed(_: VerifiedStatement, said: Provenance) -> Answer:
        for name, _dependency in _images(said):
            if not any_matches(rules.repositories, name):
                return Answer(FAILED, f"built from the image {name}, which is not allowed", "other-base", name)
        return _unseen(said) or Answer(PASSED, "every image that it was built from is allowed")

    def pinned(_: VerifiedStatement, said: Provenance) -> Answer:
        for name, dependency in _images(said):
            if not _DIGEST.fullmatch(dict(parse_qsl(dependency.uri.partition("?")[2])).get("digest", "")):
                return Answer(FAILED, f"built from {name} by tag, not by digest", "not-pinned", name)
        return _unseen(said) or Answer(PASSED, "every image that it was built from is pinned by digest")

    if rules.repositories:
        origin = expected.policy.origin("base_images.repositories")
        yield ask("materials.allowed", source, origin, listed(rules.repositories), allowed)
    if rules.pinned:
        yield ask("materials.pinned", source, expected.policy.origin("base_images.pinned"), "by digest", pinned)


def _unseen(said: Provenance) -> Answer | None:
    """Where nothing at all is listed, and the list does not call itself complete, nothing is known."""
    # BuildKit lists every image, and calls a list incomplete because of a local context alone.
    if said.dependencies or said.dependencies_complete or is_of_buildkit(said.build_type):
        return None
    return Answer(UNKNOWN, "the provenance lists nothing that it was built from", "incomplete")


def _images(said: Provenance) -> Iterator[tuple[str, Dependency]]:
    """The images among the dependencies, by their full names: `docker.io/library/alpine`.

    What names its registry itself, or comes from a layout of the client's, keeps a name that no repository has.
    """
    for dependency in said.dependencies:
        scheme, _, rest = dependency.uri.partition("/")
        name = unquote(rest.partition("?")[0].partition("@")[0])
        qualifiers = dict(parse_qsl(dependency.uri.partition("?")[2]))
        if scheme.lower() == "pkg:docker" and "repository_url" not in qualifiers:
            yield full_name(name), dependency
        elif scheme.lower() in ("pkg:docker", "pkg:oci"):
            yield f"{scheme.lower()}/{name} of {qualifiers.get('repository_url', 'a layout')}", dependency
        elif dependency.uri.lower().startswith(("docker-image:", "oci-layout:")):
            yield dependency.uri, dependency


def full_name(name: str) -> str:
    """A repository's name with host, as docker completes it: `alpine` is `docker.io/library/alpine`."""
    host, slash, _ = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"
