"""The endpoints of one repository (distribution-spec 1.1, "Endpoints"): an answer that was hoped for, or an error."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from attest.errors import NotWritable, Unreachable, Unreadable
from attest.oci import limits
from attest.oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX
from attest.oci.http.answer import Answer, Request
from attest.oci.http.auth import PULL, PUSH, Access
from attest.oci.http.connections import host_of, origin, split
from attest.oci.http.transport import Transport
from attest.reference import Digest

_ACCEPT: Final = {"Accept": ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES))}
_ACCEPT_INDEX: Final = {"Accept": OCI_INDEX}
_NO_REFERRERS_API: Final = frozenset({400, 404, 405, 501})
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<>]*\brel="?next\b')  # RFC 8288
_LINK: Final = 8192  # characters of a Link header; one address of the next page
_CREATED: Final = frozenset({200, 201, 202, 204})


class Endpoints:
    """What can be asked of `address`, an origin's `/v2/<name>`. Every method raises StoreErrors that name `where`."""

    def __init__(self, address: str, transport: Transport, access: Access) -> None:
        self._address = address
        self._transport = transport
        self._access = access

    def get_manifest(self, name: str, limit: int, where: str, action: str = PULL) -> Answer:
        """A manifest or index by tag or digest, at most `limit` bytes."""
        return self._hoped_for(Request("GET", f"{self._address}/manifests/{name}", _ACCEPT, limit=limit), where, action)

    def get_blob(self, digest: Digest, limit: int, where: str) -> Answer:
        """A blob of at most `limit` bytes, from wherever the registry keeps it."""
        return self._hoped_for(Request("GET", f"{self._address}/blobs/{digest}", limit=limit), where, PULL)

    def get_referrers(self, subject: Digest, where: str) -> Answer | None:
        """The first page of the referrers of `subject`, or None where the registry has no such list.

        Asked for every subject: a 404 may mean this digest alone (some registries give it for what they do not hold),
        and a page or a 405 may be some proxy's bad moment. Remembering it would save nothing but a question that goes
        out beside the one for the fallback tag, and could lose evidence.
        """
        request = Request("GET", f"{self._address}/referrers/{subject}", _ACCEPT_INDEX, limit=limits.MANIFEST)
        answer = self._access.send(request, PULL)
        if answer.status in _NO_REFERRERS_API:
            return None
        if answer.status != 200:
            raise self._access.refusal(answer, where)
        return answer

    def next_page(self, answer: Answer, where: str) -> str:
        """The address of the page after this one, or "". Only the registry's own host may hold it."""
        link = _NEXT.search(answer.headers.get("Link", "")[:_LINK])
        if link is None:
            return ""
        url = self._transport.follow(answer.url, link[1])
        if origin(url) != origin(self._address):
            raise Unreadable(f"{where}: the list of referrers goes on at another host", f"At {host_of(url)}.")
        return url

    def get_page(self, url: str, where: str) -> Answer:
        """A further page of referrers."""
        return self._hoped_for(Request("GET", url, _ACCEPT_INDEX, limit=limits.MANIFEST), where, PULL)

    def put_manifest(self, name: str, content: bytes, media_type: str, where: str) -> Answer:
        """Write a manifest under a tag or its digest."""
        url = f"{self._address}/manifests/{name}"
        by_digest = ":" in name
        return self._written(Request("PUT", url, {"Content-Type": media_type}, content, repeatable=by_digest), where)

    def put_blob(self, digest: Digest, content: bytes, where: str, mount_from: str = "") -> None:
        """Write a blob in one piece, unless it is there ("Pushing a blob monolithically", POST then PUT).

        Where `mount_from`, another repository, has it, the registry may take it from there ("Mounting a blob").
        """
        if self._has_blob(digest):
            return
        try:
            self._upload(digest, content, where, mount_from)
        except Unreachable:
            # It may have arrived all the same; if not, the upload is of no use any more, and a new one may be.
            if not self._has_blob(digest):
                self._upload(digest, content, where)

    def _has_blob(self, digest: Digest) -> bool:
        return self._access.send(Request("HEAD", f"{self._address}/blobs/{digest}"), PUSH).status == 200

    def _upload(self, digest: Digest, content: bytes, where: str, mount_from: str = "") -> None:
        begun = self._mount_or_begin(digest, where, mount_from)
        if mount_from and begun.status == 201:
            return
        try:
            place = self._transport.follow(begun.url, begun.headers.get("Location", ""))
        except Unreadable as error:
            raise NotWritable(f"{where}: no way to upload it", error.summary, error.remedy) from None
        address = f"{place}{'&' if split(place).query else '?'}digest={quote(str(digest), safe='')}"
        self._written(Request("PUT", address, {"Content-Type": "application/octet-stream"}, content), where)

    def _mount_or_begin(self, digest: Digest, where: str, mount_from: str) -> Answer:
        """201 for a blob that was mounted, else an open upload; whoever refuses to mount may still take an upload."""
        url = f"{self._address}/blobs/uploads/"
        if mount_from:
            source = f"?mount={quote(str(digest))}&from={quote(mount_from)}"
            answer = self._access.send(Request("POST", f"{url}{source}", repeatable=True), PUSH)
            if answer.status in _CREATED:
                return answer
        return self._written(Request("POST", url, repeatable=True), where)

    def _hoped_for(self, request: Request, where: str, action: str) -> Answer:
        answer = self._access.send(request, action)
        if answer.status != 200:
            raise self._access.refusal(answer, where)
        return answer

    def _written(self, request: Request, where: str) -> Answer:
        answer = self._access.send(request, PUSH)
        if answer.status not in _CREATED:
            raise self._access.refusal(answer, where, NotWritable)
        return answer
