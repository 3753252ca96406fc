"""What `attest inspect` found, as people read it. Text from outside is shown without control characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attest.cli.main import plain
from attest.oci.document import JsonObject, child, children, text


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
