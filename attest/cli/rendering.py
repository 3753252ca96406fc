"""Values as people and programs read them. Text from outside is shown without control characters."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import click

from attest.cli.main import plain, say
from attest.oci.document import Json, JsonObject, child, children, text
from attest.policy.report import Check, Report, Status
from attest.reference import Digest

_VERDICTS: Final = {Status.PASSED: "PASSED", Status.FAILED: "FAILED", Status.UNKNOWN: "UNKNOWN"}
_COLOURS: Final = {Status.PASSED: "green", Status.FAILED: "red", Status.UNKNOWN: "yellow"}
_COLUMNS: Final = 100
_KEY_SAYS: Final = "The holder of the key says so: a key proves who signed, not where the image was built."


def render_reports(reports: Sequence[Report], form: str) -> str:
    """Reports as text, json (an array for several) or jsonl."""
    if form == "text":
        return "\n".join(_report(report) for report in reports)
    documents: list[Json] = [report.to_json() for report in reports]
    if form == "jsonl":
        return "".join(as_json(document) + "\n" for document in documents)
    return as_json(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"


def as_json(document: Json, indent: int | None = None) -> str:
    """JSON for people's eyes too; a lone surrogate, which no encoding has, stays the escape that it was."""
    written = json.dumps(document, indent=indent, ensure_ascii=False)
    return "".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in written)


def _escaped(letter: str) -> str:
    """As JSON escapes what would move a terminal's cursor, or what no encoding has (RFC 8259, section 7)."""
    return json.dumps(letter)[1:-1] if ord(letter) != 0x7F else "\\u007f"


def show_trouble(reports: Iterable[Report]) -> None:
    """For each image that did not pass, why, on standard error: what was expected, what was found, what to do."""
    for report in reports:
        check = report.trouble
        if report.verdict is Status.PASSED or check is None:
            continue
        name = _name(report)
        about = check.summary if check.summary.startswith(report.reference) else f"{name}: {check.summary}"
        # Cleaned one by one: a stranger's line break must not begin a line of ours.
        say("\n".join(plain(line) for line in (f"attest: {about}", *_notes(check))))


def _notes(check: Check) -> list[str]:
    """What was found, unless the summary says it already, and what to do."""
    found = [value for value in check.found if value not in check.summary]
    return [note for note in (*found, check.hint) if note]


def _name(report: Report) -> str:
    pinned = report.digest is None or str(report.digest) in report.reference
    return report.reference if pinned else f"{report.reference}@{report.digest}"


def _report(report: Report) -> str:
    return "\n".join(_report_lines(report)) + "\n"


def _report_lines(report: Report) -> Iterator[str]:
    yield f"{click.style(_VERDICTS[report.verdict], fg=_COLOURS[report.verdict], bold=True)}  {plain(_name(report))}"
    if report.verdict is Status.PASSED and any(who.kind == "key" for who in report.trusted):
        yield _KEY_SAYS
    if report.narrowed:
        yield f"Only asked about {plain(', '.join(report.narrowed))}."
    yield ""
    ids = max(len(check.id) for check in report.checks)
    several = len({check.platform for check in report.checks} - {""}) > 1
    platforms = max(len(check.platform) for check in report.checks) + 2 if several else 0
    for check in report.checks:
        platform = f"  {plain(check.platform)}".ljust(platforms) if several else ""
        yield from _check_lines(check, check.id.ljust(ids) + platform)
    if report.paths:
        yield ""
        yield "From the signature down to the provenance:"
        for path in report.paths:
            yield from _wrapped(f"{path.platform}  {_way(path.digests)}", "  ", "    ")
    yield ""
    yield from _wrapped(f"SLSA build level {report.level.reached}: {report.level.why_not_higher}.", "", "  ")


def _way(digests: Sequence[Digest]) -> str:
    """Each digest with what it names: the statement is in the bundle, or below what the bundle signs."""
    if len(digests) == 1:
        return f"in the bundle {digests[0].short}"
    names = ["bundle", *["index"] * (len(digests) - 3), "attestation manifest", "statement"]
    return " → ".join(f"{name} {digest.short}" for name, digest in zip(names, digests, strict=True))


def _check_lines(check: Check, name: str) -> Iterator[str]:
    """One check: what it is, the answer, and below it what was found and what to do, wrapped at _COLUMNS."""
    voucher = f" ({check.vouched_by})" if check.vouched_by else ""
    first, *rest = _wrapped(f"{check.summary}{voucher}", " " * (len(name) + 13), " " * 13)
    yield f"  {click.style(f'{check.status:7}', fg=_COLOURS[check.status])}  {name}  {first.lstrip()}"
    yield from rest
    if check.status is not Status.PASSED:
        for note in _notes(check):
            yield from _wrapped(note, " " * 13, " " * 13)


def _wrapped(text: str, first: str, following: str) -> list[str]:
    """Lines of at most _COLUMNS; a digest or commit is never broken."""
    return [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(
            plain(part),
            _COLUMNS,
            initial_indent=first,
            subsequent_indent=following,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def render_inspections(documents: Iterable[JsonObject]) -> str:
    """What was found, as a tree of platforms."""
    return "\n".join("\n".join(_inspection_lines(document)) + "\n" for document in documents)


def _inspection_lines(document: JsonObject) -> Iterator[str]:
    yield f"{plain(text(document, 'reference'))}"
    yield f"{text(document, 'digest')}  {plain(text(document, 'mediaType'))}"
    yield "UNVERIFIED: this is what the image's attachments say of themselves; attest verify checks them."
    for platform in children(document, "platforms"):
        yield ""
        yield f"{plain(text(platform, 'platform'))}  {text(platform, 'digest')}"
        yield from _found_lines(platform)
    if any(children(document, key) for key in ("attestations", "signatures")):
        yield ""
        yield "the index alone"
        yield from _found_lines(document)
    if problems := children(document, "problems"):
        yield ""
        yield from (f"problem: {plain(text(problem, 'message'))}" for problem in problems)


def _found_lines(group: JsonObject) -> Iterator[str]:
    if not any(children(group, key) for key in ("attestations", "signatures")):
        yield "  nothing is attached"
    signed = {text(attestation, "digest"): attestation.get("signed") for attestation in children(group, "attestations")}
    for provenance in children(group, "provenance"):
        yield from _provenance_lines(provenance, bool(signed.get(text(provenance, "attestation"))))
    for attestation in children(group, "attestations"):
        state = "in a signed envelope" if attestation.get("signed") else "unsigned"
        places = ", ".join(_place(place) for place in children(attestation, "places"))
        yield f"  {plain(text(attestation, 'predicateType'))}  {state}, {places}"
    for signature in children(group, "signatures"):
        places = ", ".join(_place(place) for place in children(signature, "places"))
        yield f"  signature {text(signature, 'format')}, {_claimed_signer(signature)}, {places}"


def _claimed_signer(signature: JsonObject) -> str:
    if name := text(signature, "identity"):
        return f"says to be by {plain(name)} of {plain(text(signature, 'issuer')) or 'an unnamed issuer'}"
    hint = text(signature, "keyHint")
    return f"key hint {plain(hint)}" if hint else "by some key"


def _place(place: JsonObject) -> str:
    digest = text(place, "on").removeprefix("sha256:")[:12]
    return f"{text(place, 'found')} on {digest}" if digest else text(place, "found")


def _provenance_lines(provenance: JsonObject, signed: bool) -> Iterator[str]:
    builder = plain(text(provenance, "builder")) or "(unnamed)"
    state = "in a signed envelope" if signed else "unsigned"
    yield f"  provenance mode={text(provenance, 'mode')}, builder {builder}, {state}"
    source = child(provenance, "source")
    for fact in source:
        claim = child(source, fact)
        value = "yes" if claim.get("value") is True else plain(claim.get("value"))
        yield f"    {fact:10} {value}  (says the {text(claim, 'vouchedBy')})"
    if not source:
        yield "    says nothing of its source"
