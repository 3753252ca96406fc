"""A transparency log's entry, and when the log saw it: as it stands in a bundle, and as cosign 1 and 2 noted it.

Steps as in the Sigstore client specification, "Verification":
1. the log is one that the trusted root knows, and was in use;
2. the log promised the entry (SET: its signature over the entry's canonical JSON), or
3. it holds the entry (inclusion proof and checkpoint); which of the two is needed, the bundle's version says.
What the entry is about is asked in attest.trust.certified.log_body.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from attest.errors import Unreadable
from attest.evidence.bundle import LOG_ENTRY
from attest.oci.document import Json, JsonObject, child, encode, integer, parse_object, text
from attest.trust.certified.trusted_root import Log, TrustedRoot, log_of
from attest.trust.identity import NotVerified

_LATEST: Final = 1 << 33  # seconds since 1970: the year 2242


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What a log keeps, its own promise, and where in the log it is. `seconds` is 0 where the log tells no time."""

    raw: bytes
    log_id: bytes
    index: int
    seconds: int
    promise: bytes = field(repr=False)

    @property
    def body(self) -> JsonObject:
        """What the log keeps, as JSON. Raises NotVerified."""
        try:
            return parse_object(self.raw, "the log entry's body")
        except Unreadable:
            raise NotVerified("its log entry cannot be read") from None

    def log(self, root: TrustedRoot, at: datetime | None) -> Log:
        """The log that it is of. Raises NotVerified."""
        return log_of(root.logs, self.log_id, at, "its log entry is of a log")

    def seen(self, root: TrustedRoot) -> datetime:
        """When the log saw it, by its own promise. Raises NotVerified."""
        if not 0 < self.seconds < _LATEST:
            raise NotVerified("its log entry has no time")
        seen = datetime.fromtimestamp(self.seconds, UTC)
        if not self.log(root, seen).key.verifies(self.promise, self._canonical):
            raise NotVerified("the log's promise (SET) is not for this entry")
        return seen

    @property
    def _canonical(self) -> bytes:
        """RFC 8785 for these four fields: two texts without escapes, two integers, in the order of their names."""
        fields: dict[str, Json] = {
            "body": base64.b64encode(self.raw).decode(),
            "integratedTime": self.seconds,
            "logID": self.log_id.hex(),
            "logIndex": self.index,
        }
        return encode(fields)


def noted_entry(annotations: Mapping[str, str]) -> LogEntry:
    """What cosign 1 and 2 noted beside a signature. Raises NotVerified."""
    noted = annotations.get(LOG_ENTRY, "")
    if not noted:
        raise NotVerified("it comes without a log entry, so nothing says when it was signed")
    try:
        document = parse_object(noted.encode(), "the log entry")
        payload = child(document, "Payload")
        promise = base64.b64decode(text(document, "SignedEntryTimestamp"), validate=True)
        raw = base64.b64decode(text(payload, "body"), validate=True)
        log_id = bytes.fromhex(text(payload, "logID"))
    except (Unreadable, ValueError):
        raise NotVerified("its log entry cannot be read") from None
    index = integer(payload, "logIndex")
    if index is None:
        raise NotVerified("its log entry cannot be read")
    return LogEntry(raw, log_id, index, integer(payload, "integratedTime") or 0, promise)


def seen_in_log(document: JsonObject, version: str, root: TrustedRoot) -> tuple[LogEntry, datetime | None]:
    """An entry in a bundle of this version, and when its log says that it saw it. Raises NotVerified."""
    entry = bundled_entry(document)
    has_checkpoint = bool(text(child(document, "inclusionProof", "checkpoint"), "envelope"))
    if version == "0.1" and not entry.promise:
        raise NotVerified("its log entry is without the log's promise (SET), which bundles of v0.1 need")
    if version != "0.1" and not has_checkpoint:
        raise NotVerified("its log entry is without inclusion proof and checkpoint, which bundles since v0.2 need")
    kind = child(document, "kindVersion")
    body = entry.body
    if (text(kind, "kind"), text(kind, "version")) != (text(body, "kind"), text(body, "apiVersion")):
        raise NotVerified("its log entry is of another kind than it says")
    seen = entry.seen(root) if entry.promise else None
    if has_checkpoint:  # without one a proof proves nothing, and v0.1 may have such
        from attest.trust.certified.sigstore_inside import require_included

        require_included(document, entry.log(root, seen))
    return entry, seen


def bundled_entry(document: JsonObject) -> LogEntry:
    """An entry in a bundle, in protobuf's JSON (sigstore_rekor.proto): numbers are texts, what is zero may be left out.

    Raises NotVerified.
    """
    try:
        return LogEntry(
            base64.b64decode(text(document, "canonicalizedBody"), validate=True),
            base64.b64decode(text(child(document, "logId"), "keyId"), validate=True),
            _number(document, "logIndex"),
            _number(document, "integratedTime"),
            base64.b64decode(text(child(document, "inclusionPromise"), "signedEntryTimestamp"), validate=True),
        )
    except ValueError:
        raise NotVerified("its log entry cannot be read") from None


def _number(document: JsonObject, name: str) -> int:
    value = integer(document, name)
    return int(text(document, name) or "0") if value is None else value
