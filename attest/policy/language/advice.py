"""What is wrong with a policy that can be read: it contradicts itself, or lets in more than its writer means.

An error is what nothing can pass, or what believes everybody; a warning is what is probably meant otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from attest.policy.language.advice_on_roots import (
    at,
    believed_by_everybody,
    exchanged_root,
    identities,
    missing_files,
    scopes,
    shared_identities,
    unknown_issuers,
    unusable_keys,
    unusual_issuers,
    wide_identities,
    windows,
)
from attest.policy.language.expression import MEANT_AS_EXPRESSION, looks_like_expression, never_begins_with
from attest.policy.language.policy_text import Remark
from attest.policy.pattern import Pattern
from attest.policy.policy import Policy

# What BuildKit calls the parameters that have no colon in their names (buildkit, frontend/dockerui/config.go).
_PLAIN_PARAMETERS: Final = frozenset(
    {
        "add-hosts",
        "cgroup-parent",
        "cmdline",
        "contextkey",
        "contextsubdir",
        "dockerfilekey",
        "filename",
        "force-network-mode",
        "frontend",
        "hostname",
        "image-resolve-mode",
        "multi-platform",
        "no-cache",
        "platform",
        "shm-size",
        "source",
        "target",
        "ulimit",
    }
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, apart by what follows: a policy with errors must not be used."""

    errors: tuple[Remark, ...]
    warnings: tuple[Remark, ...]


def advise(policy: Policy, environ: Mapping[str, str], now: datetime) -> Advice:
    """Everything that can be said of a policy without an image. Keys in services are not asked for."""
    errors = [
        *_impossible(policy),
        *unusable_keys(policy, environ),
        *exchanged_root(policy, environ),
        *shared_identities(policy),
        *believed_by_everybody(policy),
        *unknown_issuers(policy),
    ]
    warnings = [
        *_asks_for_nothing(policy),
        *_without_effect(policy),
        *_never_matching(policy),
        *unusual_issuers(policy),
        *windows(policy, now),
        *wide_identities(policy),
        *missing_files(policy, environ),
    ]
    return Advice(tuple(sorted(errors, key=_line)), tuple(sorted(warnings, key=_line)))


def _line(remark: Remark) -> int:
    return remark.line


# --- What nothing can pass --------------------------------------------------------------------------------------------


def _impossible(policy: Policy) -> Iterator[Remark]:
    source, build, believed = policy.source, policy.build, scopes(policy)
    if policy.image_tag and source.branches and not source.tags:
        yield at(policy, "image_tag", "asks for the source's tag, and only branches are allowed")
    if not believed:  # then the command line says who is believed
        return
    if build.level > (highest := max(scope.level for scope in believed)):
        yield at(policy, "build.level", f"{build.level}, and no root of trust is believed beyond {highest}")
    named = {"certificate": bool(policy.trust.identities), "builder": any(scope.is_isolated for scope in believed)}
    if source.vouchers and not any(named.get(voucher, True) for voucher in source.vouchers):
        lacking = {"certificate": "no identity is believed", "builder": "no root of trust is isolated"}
        why = ", and ".join(lacking[voucher] for voucher in source.vouchers)
        yield at(policy, "source.vouchers", f"only {' or '.join(source.vouchers)} counts, and {why}")
    if source.certificate_alone and source.vouchers and "certificate" not in source.vouchers:
        yield at(policy, "source.certificate_alone", "a certificate does not count: source.vouchers leaves it out")
    if exact := [one.text for one in build.builders if not one.is_expression]:
        spoken_for = {_without_ref(name) for scope in believed for name in scope.builders}
        all_exact = len(exact) == len(build.builders) and all(scope.builders for scope in believed)
        if all_exact and not spoken_for & {_without_ref(name) for name in exact}:
            yield at(policy, "build.builders", "no root of trust speaks for any of these builders")


def _without_ref(builder: str) -> str:
    return builder.rpartition("@")[0] or builder


# --- What is probably meant otherwise ---------------------------------------------------------------------------------


def _asks_for_nothing(policy: Policy) -> Iterator[Remark]:
    untouched = Policy(policy.uri, policy.digest, policy.lines)
    asked = ("source", "build", "parameters", "base_images", "sbom", "signature_required", "image_tag")
    if all(getattr(policy, name) == getattr(untouched, name) for name in asked):
        yield Remark(0, "asks for nothing: unless the command line does, every image is unknown")
    elif policy.source.repository is None:
        yield Remark(0, "source.repository is missing: an image of any project will do that a believed signer signs")
    if not scopes(policy):
        yield Remark(0, "believes nobody: unless the command line names somebody, every image is unknown")


def _without_effect(policy: Policy) -> Iterator[Remark]:
    if policy.source.certificate_alone and not policy.trust.identities:
        yield at(policy, "source.certificate_alone", "without trust.identities there is no certificate")
    if policy.image_tag and policy.source.branches and policy.source.tags:
        yield at(policy, "image_tag", "asks for the source's tag, so what is built from a branch cannot pass")
    needs_roots = any(True for _ in identities(policy)) or any(scope.has_window for scope in scopes(policy))
    if policy.trust.trusted_root is not None and not needs_roots:
        yield at(policy, "trust.trusted_root", "without identities there are no certificates to check against it")
    if all("buildkit" in one.text for one in policy.build.types):
        yield from (
            at(policy, f"parameters.allowed.{name}", f"BuildKit has no parameter of this name{_meant(name)}")
            for name in policy.parameters.allowed
            if ":" not in name and name not in _PLAIN_PARAMETERS
        )


def _never_matching(policy: Policy) -> Iterator[Remark]:
    """Names of images and refs that look so are no names, and refused when they are read."""
    repository, build = policy.source.repository, policy.build
    for key, pattern in _lists(("build.builders", build.builders), ("build.types", build.types)):
        if looks_like_expression(pattern.text):
            yield at(policy, key, MEANT_AS_EXPRESSION)
    if repository is None:
        return
    if looks_like_expression(repository.text):
        yield at(policy, "source.repository", MEANT_AS_EXPRESSION)
    elif repository.is_expression and never_begins_with(repository.text[1:-1], "https://"):
        message = "can never match: expressions see https://HOST/PATH, so begin it with https://"
        yield at(policy, "source.repository", message)


def _lists(*named: tuple[str, tuple[Pattern, ...]]) -> Iterator[tuple[str, Pattern]]:
    for key, patterns in named:
        yield from ((f"{key}[{index}]", pattern) for index, pattern in enumerate(patterns))


def _meant(name: str) -> str:
    return f'; a build argument is called "build-arg:{name}"' if name.isidentifier() else ""
