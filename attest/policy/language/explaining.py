"""A policy in plain sentences, in the order in which people ask: which images, whom to believe, where from, how built.

The last paragraph says what it does not demand and people may think it does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from attest.policy.pattern import Pattern
from attest.policy.policy import KeyRoot, Policy, SbomRules, SummaryRules
from attest.trust.identity import ExpectedIdentity
from attest.trust.scope import Scope

_COLUMNS: Final = 100
_UNITS: Final = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_VOUCHERS: Final = {
    "certificate": "the CI platform, in the signing certificate",
    "builder": "an isolated builder",
    "signer": "whoever signed",
}


def explain(policy: Policy) -> str:
    """The sentences, wrapped, a paragraph for each subject."""
    paragraphs = (
        _images(policy),
        _trust(policy),
        _source(policy),
        _build(policy),
        _materials(policy),
        _sbom(policy),
        _replay(policy),
        _summaries(policy.summaries),
        _not_demanded(policy),
    )
    told = [list(sentences) for sentences in paragraphs]
    return "\n".join(_wrapped(sentences) for sentences in told if len(sentences) > 1 or not sentences[0].endswith(":"))


def _wrapped(sentences: Sequence[str]) -> str:
    """The first as the beginning, the others below it, each on lines of its own."""
    lines = [textwrap.fill(sentences[0], _COLUMNS, break_long_words=False, break_on_hyphens=False)]
    lines += [
        textwrap.fill(
            sentence,
            _COLUMNS,
            initial_indent="  - ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for sentence in sentences[1:]
    ]
    return "\n".join(lines) + "\n"


def _images(policy: Policy) -> Iterator[str]:
    if not policy.images or any(map(_is_open, policy.images)):
        yield "It speaks for every image."
    else:
        yield f"It speaks for the image {_any_of(policy.images)}; every other one is unknown."
    if policy.signature_required:
        yield "The image itself must be signed, and not only its provenance."
    if policy.denied_digests:
        yield f"Nothing passes whose digest is denied: {_count(len(policy.denied_digests), 'is', 'are')} named."


def _trust(policy: Policy) -> Iterator[str]:
    trust = policy.trust
    if not trust.keys and not trust.identities:
        yield "It believes nobody: the command line must say whom to believe."
    else:
        yield "It believes nobody but:"
    yield from _believed(trust.keys, trust.identities, _reach)
    if trust.trusted_root is not None:
        yield f"Certificates are checked against {trust.trusted_root}, not the public Sigstore's authorities."
    if trust.denied_keys:
        yield f"Whatever else is said: believed no longer is {', or '.join(trust.denied_keys)}."


def _believed(
    keys: Iterable[KeyRoot], identities: Iterable[ExpectedIdentity], reach: Callable[[Scope], str]
) -> Iterator[str]:
    for root in keys:
        where = "written in " if root.is_inline else ""
        yield f"whoever holds the key {where}{root.name}{reach(root.scope)}."
    for identity in identities:
        kind = "any identity that matches" if identity.is_pattern else "the identity"
        name = f"/{identity.name}/" if identity.is_pattern else identity.name
        yield f"{kind} {name}, if {identity.issuer} vouches for it{reach(identity.scope)}."


def _reach(scope: Scope) -> str:
    level = f"up to build level {scope.level}"
    builders = f" for what {' or '.join(scope.builders)} built, and else up to 1" if scope.builders else ""
    isolated = ", whose provenance those who use the builder cannot write" if scope.is_isolated else ""
    return f", {level}{builders}{isolated}{_window(scope)}"


def _window(scope: Scope) -> str:
    return f", for signatures {scope}" if scope.has_window else ""


def _source(policy: Policy) -> Iterator[str]:
    source = policy.source
    yield "The source:"
    if source.repository is not None:
        yield f"The repository must be {_any_of((source.repository,), 'known, and may be any')}."
    refs = [_ref("tag", source.tags)] if source.tags else []
    refs += [_ref("branch", source.branches)] if source.branches else []
    if refs:
        yield f"It must be built from {'; or from '.join(refs)}."
    if source.commit_required:
        yield "The commit must be known."
    if source.clean:
        yield "Nothing uncommitted may be in it: only a git context that the builder fetched shows that."
    if source.vouchers:
        yield f"Of the source, the word counts of {', or '.join(_VOUCHERS[name] for name in source.vouchers)}."
    elif policy.trust.identities and (refs or source.repository is not None or source.commit_required):
        yield "Beside a certificate the signer's word about the source does not count; with a plain key it does."
    if source.certificate_alone:
        yield "The certificate's word is enough where the provenance names no commit."
    for one in source.accepted:
        yield f"{one.name} may come from elsewhere, if it is {one.digest}."
    if policy.image_tag:
        yield f"The image's tag must be {policy.image_tag}, with the tag that it was built from."


def _ref(kind: str, names: Sequence[Pattern]) -> str:
    return f"any {kind}" if any(map(_is_open, names)) else f"a {kind}, {_any_of(names)}"


def _build(policy: Policy) -> Iterator[str]:
    build, parameters = policy.build, policy.parameters
    yield "The build:"
    if build.builders:
        yield f"Its builder must be {_any_of(build.builders, 'known, and may be any')}."
    if build.types:
        yield f"Its type must be {_any_of(build.types, 'known, and may be any')}."
    if build.level:
        yield f"It must reach SLSA build level {build.level}."
    if build.hermetic:
        yield "It must have had no network."
    if build.complete:
        yield "The provenance must list everything that the build used."
    for name, values in parameters.allowed.items():
        yield _parameter(name, values)
    if parameters.closed:
        but = " other" if parameters.allowed else ""
        yield f"No{but} parameter may be given: no build argument, target, secret or the like."


def _parameter(name: str, values: Sequence[Pattern]) -> str:
    if any(map(_is_open, values)):
        return f"{name} may have any value."
    return f"{name}, if given, must be {_any_of(values)}." if values else f"{name} must not be given."


def _materials(policy: Policy) -> Iterator[str]:
    rules = policy.base_images
    yield "The images that it is built from:"
    if rules.repositories:
        yield f"Each must be from {_any_of(rules.repositories, 'any repository')}."
    if rules.pinned:
        yield "Each must be named by digest."


def _sbom(policy: Policy) -> Iterator[str]:
    rules = policy.sbom
    yield "The SBOM:"
    if rules != SbomRules():
        formats = f" in {' or '.join(rules.formats)}" if rules.formats else ""
        listing = ", which lists components" if rules.components else ""
        yield f"Somebody who is believed must have signed one{formats}{listing}."


def _replay(policy: Policy) -> Iterator[str]:
    yield "The age:"
    if policy.build.max_age is not None:
        yield f"The build must have ended no longer than {_length(policy.build.max_age)} ago."


def _summaries(summaries: Sequence[SummaryRules]) -> Iterator[str]:
    yield "Verification summaries in place of the evidence:"
    for rules in summaries:
        age = f", not older than {_length(rules.max_age)}" if rules.max_age is not None else ""
        yield f"Those of {rules.verifier} that say that it judged by this very policy{age}, signed by:"
        yield from _believed(rules.keys, rules.identities, _window)


def _not_demanded(policy: Policy) -> Iterator[str]:
    missing = [words for words, is_demanded in _demands(policy) if not is_demanded]
    also = f"It does not demand {_listed(missing)}. " if missing else ""
    yield (
        f"{also}No policy shows that the commit is a good one, that the builder is sound, "
        "or that nobody put something into the build's cache."
    )


def _demands(policy: Policy) -> Iterator[tuple[str, bool]]:
    source, build = policy.source, policy.build
    yield "a repository", source.repository is not None
    yield "a tag or branch", bool(source.tags or source.branches)
    yield "that the commit is known", source.commit_required
    yield "a clean working tree", source.clean
    yield "that the image's tag is its source's, so an old image under a new tag passes", bool(policy.image_tag)
    yield "any age, so old images pass", build.max_age is not None
    yield "a signature over the image beside that over its provenance", policy.signature_required
    yield "a builder", bool(build.builders)
    yield "a build level above 1", build.level > 1
    yield "anything of parameters that are not named", policy.parameters.closed
    yield "anything of the base images", bool(policy.base_images.repositories or policy.base_images.pinned)
    yield "an SBOM", policy.sbom != SbomRules()


def _one(pattern: Pattern) -> str:
    return f"one that matches {pattern}" if pattern.is_expression else pattern.text or '""'


def _any_of(patterns: Sequence[Pattern], anything: str = "anything") -> str:
    if any(map(_is_open, patterns)):
        return anything
    return " or ".join(_one(pattern) for pattern in patterns)


def _is_open(pattern: Pattern) -> bool:
    return pattern.text in ("/.*/", "/.+/", "/^.*$/")


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{'; '.join(words[:-1])}; nor {words[-1]}"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _length(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    name, unit = next((name, unit) for name, unit in _UNITS if seconds % unit == 0)
    return _count(seconds // unit, name)
