"""What the verifier's user expects of an image. Expectations never come from the image or the environment by itself.

They stand on the command line, each with its origin, and in a policy file; both must hold, so flags only tighten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import UsageError
from attest.evidence.provenance import FULL_COMMIT, HEADS, TAGS
from attest.evidence.repository import canonical_repository, same_repository, without_credentials
from attest.policy.pattern import Pattern, any_matches, listed
from attest.policy.policy import BaseImageRules, BuildRules, ParameterRules, Policy, Voucher
from attest.reference import Platform

# Major, or major and minor, of a semantic version: what --source-versioned-tag is given.
_VERSION: Final = re.compile(r"v?(0|[1-9]\d*)(\.(0|[1-9]\d*))?(\.(0|[1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Demand:
    """One expectation: what it asks for, in words, where it stands, and whether a value meets it."""

    wanted: str
    origin: str
    meets: Callable[[str], bool] = field(compare=False)


@dataclass(frozen=True, slots=True)
class RefDemand:
    """What a build's ref must be: one of these tags, or one of these branches."""

    origin: str
    tags: Demand | None = None
    branches: Demand | None = None

    def meets(self, name: str) -> bool:
        """Whether a bare name would do as the one or the other."""
        return any(one is not None and one.meets(name) for one in (self.tags, self.branches))


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must be true; an empty string means that it was not asked for. Raises UsageError for what cannot be true.

    `signature_only` says that a signature over the image is all that is asked; it excludes every source expectation.
    `origins` says where each value came from, if not from the flag of its name: `{"commit": "CI_COMMIT_SHA"}`.
    """

    repository: str = ""
    commit: str = ""
    tag: str = ""
    branch: str = ""
    signature_only: bool = False
    platforms: tuple[Platform, ...] = ()
    versioned_tag: str = ""
    builder: str = ""
    require_vouched: bool = False
    policy: Policy | None = None
    origins: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        # CI_REPOSITORY_URL holds the job's token, and reports are shown to many.
        object.__setattr__(self, "repository", without_credentials(self.repository))
        if self.repository and not canonical_repository(self.repository):
            raise UsageError(
                f"{self.origin('repository')} {self.repository}: not a repository address",
                "",
                "Expected something like https://gitlab.com/acme/app.",
            )
        if self.commit and not FULL_COMMIT.fullmatch(self.commit):
            raise UsageError(
                f"{self.origin('commit')} {self.commit}: not a full commit",
                "A short commit can be forged in minutes.",
                "Give all 40 lower-case hex digits: git rev-parse HEAD.",
            )
        if self.branch and (self.tag or self.versioned_tag):
            raise UsageError("--source-tag and --source-branch exclude each other: a build comes from one ref")
        if self.versioned_tag and not _VERSION.fullmatch(self.versioned_tag):
            raise UsageError(
                f"--source-versioned-tag {self.versioned_tag}: not a version", "", "Expected v1, v1.2 or v1.2.3."
            )
        if self.signature_only and self.policy is not None:
            remedy = "In a policy it is signature_required = true that asks for a signature over the image."
            raise UsageError("--signature-only and --policy exclude each other", "", remedy)
        if self.signature_only and (self.of_source or self.builder):
            raise UsageError("--signature-only asks for nothing of the source; leave out --source-…")

    @property
    def of_source(self) -> bool:
        """Whether anything is expected of the source."""
        rules = self.policy.source if self.policy else None
        asked = self.repository or self.commit or self.tag or self.branch or self.versioned_tag
        return bool(asked) or bool(
            rules and (rules.repository or rules.tags or rules.branches or rules.commit_required)
        )

    @property
    def of_provenance(self) -> bool:
        """Whether anything is expected of what provenance says."""
        rules = self.policy
        if self.of_source or self.builder or rules is None:
            return self.of_source or bool(self.builder)
        return (
            rules.build != BuildRules() or rules.parameters != ParameterRules() or rules.base_images != BaseImageRules()
        )

    @property
    def is_explicit(self) -> bool:
        """Whether something besides the policy is expected, for which another verifier's word is not enough."""
        of_source = self.repository or self.commit or self.tag or self.branch or self.versioned_tag
        return bool(of_source or self.builder or self.require_vouched)

    @property
    def signature_required(self) -> bool:
        """Whether the image itself must be signed, and not only its provenance."""
        return self.signature_only or (self.policy is not None and self.policy.signature_required)

    @property
    def vouchers(self) -> frozenset[Voucher] | None:
        """Whose word counts; None leaves it to the signature: beside a certificate the signer's word is too little."""
        named: frozenset[Voucher] | None = None
        if self.policy and self.policy.source.vouchers:
            named = frozenset(self.policy.source.vouchers)
        if not self.require_vouched:
            return named
        vouched: frozenset[Voucher] = frozenset({"certificate", "builder"})
        return vouched if named is None else named & vouched

    @property
    def repositories(self) -> Iterator[Demand]:
        """What the repository must be."""
        if self.repository:
            yield Demand(
                self.repository, self.origin("repository"), lambda value: same_repository(value, self.repository)
            )
        if self.policy and (pattern := self.policy.source.repository):
            yield Demand(
                str(pattern), self.policy.origin("source.repository"), lambda value: _is_repository(value, pattern)
            )

    @property
    def one_repository(self) -> str:
        """The address of the repository, where exactly one is expected; otherwise ""."""
        pattern = self.policy.source.repository if self.policy else None
        exact = pattern.text if pattern is not None and not pattern.is_expression else ""
        return self.repository or exact

    @property
    def refs(self) -> Iterator[RefDemand]:
        """What tag or branch it must come from."""
        if self.tag:
            yield RefDemand(self.origin("tag"), tags=_exactly(self.tag.removeprefix(TAGS), self.origin("tag")))
        if self.versioned_tag:
            origin = self.origin("versioned_tag")
            yield RefDemand(
                origin, tags=Demand(self.versioned_tag, origin, lambda tag: is_version(tag, self.versioned_tag))
            )
        if self.branch:
            yield RefDemand(
                self.origin("branch"), branches=_exactly(self.branch.removeprefix(HEADS), self.origin("branch"))
            )
        rules = self.policy.source if self.policy else None
        if self.policy and rules and (rules.tags or rules.branches):
            tags, branches = self.policy.origin("source.tags"), self.policy.origin("source.branches")
            yield RefDemand(
                tags if rules.tags else branches,
                Demand(listed(rules.tags), tags, lambda tag: any_matches(rules.tags, tag)) if rules.tags else None,
                Demand(listed(rules.branches), branches, lambda name: any_matches(rules.branches, name))
                if rules.branches
                else None,
            )

    @property
    def exact(self) -> frozenset[str]:
        """The facts of which one value is expected: where trusted statements name two, one of them is wrong already."""
        asked = {"repository": self.repository, "commit": self.commit, "tag": self.tag, "branch": self.branch}
        return frozenset(fact for fact, value in asked.items() if value)

    def origin(self, name: str) -> str:
        """Where an expected value came from."""
        return self.origins.get(name, f"--source-{name.replace('_', '-')}")


def is_version(tag: str, wanted: str) -> bool:
    """Whether a tag is of this version: `v1` is any v1.x.y, `v1.2` any v1.2.x; a pre-release is of none."""
    if tag == wanted:
        return True
    version, asked = _VERSION.fullmatch(tag), _VERSION.fullmatch(wanted)
    if version is None or asked is None:
        return False
    numbers, expected = tag.removeprefix("v").split("."), wanted.removeprefix("v").split(".")
    return len(numbers) == 3 and numbers[: len(expected)] == expected


def _exactly(wanted: str, origin: str) -> Demand:
    return Demand(wanted, origin, lambda value: value == wanted)


def _is_repository(address: str, pattern: Pattern) -> bool:
    """Expressions see `https://host/path`, whatever the shape in which a statement has the address."""
    if not pattern.is_expression:
        return same_repository(address, pattern.text)
    canonical = canonical_repository(address)
    return bool(canonical) and pattern.matches(f"https://{canonical}")
