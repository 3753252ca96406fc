"""The public root of today, from an update repository on loopback that rotates, lies and goes away."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_httpserver import HTTPServer
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from werkzeug import Request, Response

from attest.errors import NotWritable, Unreachable, Unreadable
from attest.evidence.bundle import Bundle, parse_bundle
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.certified.refresh import refreshed_roots
from attest.trust.identity import NotVerified
from attest.trust.patience import PATIENCE, Patience, TookTooLong
from attest.trust.signing.identity_token import find_token
from attest.trust.signing.keyless import KeylessSigner
from attest.trust.signing.sigstore_instance import load_instance
from tests import images
from tests.sigstore.claims import PIPELINE
from tests.sigstore.instance import Instance, running

TOMORROW: Final = datetime.now(UTC) + timedelta(days=1)
YESTERDAY: Final = datetime.now(UTC) - timedelta(days=1)


class Repository:
    """Serves one target, trusted_root.json; `lies` are bodies by path, in place of what was published."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        self.url = server.url_for("").rstrip("/")
        self.signer = CryptoSigner.generate_ecdsa()
        self.version = 0
        self.files: dict[str, bytes] = {}
        self.lies: dict[str, Response] = {}
        self.goes_on = threading.Event()
        self.goes_on.set()
        root = Root(expires=TOMORROW)
        for role in ("root", "timestamp", "snapshot", "targets"):
            root.add_key(self.signer.public_key, role)
        self.first = folder / "root.json"
        self.first.write_bytes(self.signed(root))
        server.expect_request(re.compile(".*")).respond_with_handler(self.answer)

    def publish(self, target: bytes, expires: datetime = TOMORROW) -> None:
        """A new version, with this as its trusted_root.json."""
        self.version = version = self.version + 1
        file = TargetFile.from_data("trusted_root.json", target, ["sha256"])
        targets = Targets(version, expires=TOMORROW, targets={"trusted_root.json": file})
        snapshot = Snapshot(version, expires=TOMORROW, meta={"targets.json": MetaFile(version)})
        self.files |= {
            f"/{version}.targets.json": self.signed(targets),
            f"/{version}.snapshot.json": self.signed(snapshot),
            "/timestamp.json": self.signed(Timestamp(version, expires=expires, snapshot_meta=MetaFile(version))),
            self.place(file): target,
        }

    @staticmethod
    def place(file: TargetFile) -> str:
        return f"/targets/{file.hashes['sha256']}.trusted_root.json"

    def signed(self, role: Root | Timestamp | Snapshot | Targets) -> bytes:
        metadata: Metadata[Any] = Metadata(role)
        metadata.sign(self.signer)
        return metadata.to_bytes()

    def answer(self, request: Request) -> Response:
        self.goes_on.wait(60)
        if request.path in self.lies:
            return self.lies[request.path]
        content = self.files.get(request.path)
        return Response(content) if content is not None else Response(status=404)

    def refresh(self, patience: Patience = PATIENCE) -> TrustedRoots:
        return refreshed_roots(self.url, self.first, patience)


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    places = {name: tmp_path / name for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME")}
    for name, place in places.items():
        monkeypatch.setenv(name, str(place))
    return places


@pytest.fixture
def repository(httpserver: HTTPServer, tmp_path: Path) -> Repository:
    return Repository(httpserver, tmp_path)


def root_of(instance: Instance) -> bytes:
    return json.dumps(instance.trusted_root()).encode()


def bundle_of(instance: Instance, folder: Path) -> Bundle:
    """A statement that somebody signed without a key."""
    (folder / "trust-config.json").write_text(instance.trust_config())
    ask = find_token({"SIGSTORE_ID_TOKEN": instance.token()}, None, is_person=False)
    signer = KeylessSigner(load_instance(folder / "trust-config.json", PATIENCE), ask, lambda _: None)
    digest = images.push({"linux/amd64": None}).digest
    return parse_bundle(signer.sign_statement(images.embedded({}, digest)), "the bundle")


def test_certificates_are_checked_against_the_root_of_today(repository: Repository, tmp_path: Path) -> None:
    with running() as sigstore:
        bundle = bundle_of(sigstore, tmp_path)
        repository.publish(root_of(sigstore))
    with pytest.raises(NotVerified):
        TrustedRoots().signer_of(bundle)

    assert repository.refresh().signer_of(bundle).identity == f"https://{PIPELINE}"

    repository.publish(root_of(Instance()))
    with pytest.raises(NotVerified):
        repository.refresh().signer_of(bundle)


def test_the_refreshed_root_stays_in_a_file(repository: Repository, caches: Mapping[str, Path]) -> None:
    root = root_of(Instance())
    repository.publish(root)

    path = repository.refresh().path

    assert path is not None
    assert path.read_bytes() == root
    assert path.is_relative_to(caches["XDG_CACHE_HOME"])


def test_a_repository_out_of_reach_is_an_error_although_an_older_root_lies_in_the_cache(tmp_path: Path) -> None:
    with HTTPServer(host="127.0.0.1") as server:
        repository = Repository(server, tmp_path)
        repository.publish(root_of(Instance()))
        repository.refresh()

    with pytest.raises(Unreachable, match=f"the update repository {repository.url}: no usable answer"):
        repository.refresh()


def lie_about_the_root(repository: Repository) -> None:
    """The last that was published, changed on its way."""
    (path,) = [path for path in repository.files if path.startswith("/targets/")]
    repository.lies[path] = Response(repository.files[path].replace(b"tlogs", b"tlogz"))


def break_off(repository: Repository) -> None:
    (path,) = [path for path in repository.files if path.startswith("/targets/")]
    content = repository.files[path]
    repository.lies[path] = Response([content[:100]], headers={"Content-Length": str(len(content))})


def sign_with_another_key(repository: Repository) -> None:
    repository.signer = CryptoSigner.generate_ecdsa()
    repository.publish(root_of(Instance()))


def let_it_run_out(repository: Repository) -> None:
    repository.publish(root_of(Instance()), expires=YESTERDAY)


def lose_the_metadata(repository: Repository) -> None:
    repository.lies["/timestamp.json"] = Response("<html>Please log in</html>")


def be_overloaded(repository: Repository) -> None:
    repository.lies["/timestamp.json"] = Response(status=503)


@pytest.mark.parametrize(
    "attack",
    [lie_about_the_root, break_off, sign_with_another_key, let_it_run_out, lose_the_metadata, be_overloaded],
)
def test_what_the_repository_did_not_sign_is_not_believed(
    attack: Callable[[Repository], None], repository: Repository
) -> None:
    repository.publish(root_of(Instance()))
    repository.refresh()

    repository.files = {path: body for path, body in repository.files.items() if not path.startswith("/targets/")}
    repository.publish(root_of(Instance()))
    attack(repository)
    with pytest.raises(Unreachable, match="no usable answer"):
        repository.refresh()


def test_an_older_root_is_not_believed_again(repository: Repository) -> None:
    repository.publish(root_of(Instance()))
    old = dict(repository.files)
    repository.publish(root_of(Instance()))
    repository.refresh()

    repository.files = old
    with pytest.raises(Unreachable, match="no usable answer"):
        repository.refresh()


@pytest.mark.parametrize("content", [b"{}", b"not JSON", b'{"tlogs": []}'])
def test_a_signed_file_that_is_no_trusted_root_is_an_error(content: bytes, repository: Repository) -> None:
    repository.publish(content)

    with pytest.raises(Unreadable, match=f"{repository.url}: what it has is not a trusted root"):
        repository.refresh()


@pytest.mark.parametrize("which", ["XDG_DATA_HOME", "XDG_CACHE_HOME"])
def test_a_cache_that_cannot_be_written_is_named(
    which: str, repository: Repository, caches: Mapping[str, Path]
) -> None:
    repository.publish(root_of(Instance()))
    caches[which].write_text("a file where a folder should be")

    with pytest.raises(NotWritable, match=f"{caches[which]}.*: cannot write: ") as caught:
        repository.refresh()

    assert which in caught.value.remedy


def test_a_repository_that_hangs_is_given_up(repository: Repository) -> None:
    repository.publish(root_of(Instance()))
    repository.goes_on.clear()

    with pytest.raises(TookTooLong, match=f"the update repository {repository.url}: no whole answer within"):
        repository.refresh(Patience(seconds=0.5))

    repository.goes_on.set()
