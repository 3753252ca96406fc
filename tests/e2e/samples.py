"""What the stand builds: a base image, a scanner image and a repository with tags, all made on this machine."""

from __future__ import annotations

import io
import json
import platform
import shutil
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from attest.cli.demo import RECORDING
from attest.oci.descriptor import IN_TOTO
from tests.cli.layouts import Layout
from tests.e2e.stand import environment, missing, program, run, tool

ORIGIN: Final = "https://git.example.test/acme/app.git"
OTHER_ORIGIN: Final = "https://git.example.test/acme/other.git"

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_APPLETS: Final = ("cat", "cp", "date", "echo", "env", "ls", "mkdir", "mv", "rm", "sh", "sleep", "test", "true")


def host_platform() -> str:
    """What BuildKit builds for here, `linux/amd64`."""
    return f"linux/{_ARCHITECTURES[platform.machine()]}"


def push_base_image(host: str, folder: Path) -> str:
    """Push busybox as an image with a platform, without which BuildKit refuses it. Gives HOST/base:1."""
    layer = folder / "base.tar"
    with tarfile.open(layer, "w") as archive:
        _add(archive, "bin/busybox", _static_busybox(), 0o755)
        _add(archive, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    crane, env, reference = tool("crane"), environment(folder), f"{host}/base:1"
    run(crane, "append", "--oci-empty-base", "--new_layer", layer, "--new_tag", reference, env=env)
    run(crane, "mutate", "--set-platform", host_platform(), "--tag", reference, reference, env=env)
    return reference


def push_scanner(base_image: str, folder: Path) -> str:
    """Push a scanner for `--sbom=generator=…`. Gives HOST/scanner:1.

    BuildKit runs it with BUILDKIT_SCAN_DESTINATION set and takes every in-toto statement that it leaves there
    (BuildKit's docs/attestations/sbom-protocol.md).
    """
    layer = folder / "scanner.tar"
    script = f"#!/bin/sh\ncat > \"$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json\" <<'END'\n{json.dumps(_STATEMENT)}\nEND\n"
    with tarfile.open(layer, "w") as archive:
        _add(archive, "bin/scanner", script.encode(), 0o755)
    crane, env, reference = tool("crane"), environment(folder), f"{base_image.rpartition('/')[0]}/scanner:1"
    run(crane, "append", "--base", base_image, "--new_layer", layer, "--new_tag", reference, env=env)
    run(crane, "mutate", "--entrypoint", "/bin/scanner", "--tag", reference, reference, env=env)
    return reference


def push_frontend(reference: str, folder: Path) -> None:
    """Push BuildKit's own Dockerfile frontend under this name."""
    layer = folder / "frontend.tar"
    with tarfile.open(layer, "w") as archive:
        _add(archive, "bin/frontend", tool("dockerfile-frontend").read_bytes(), 0o755)
    crane, env = tool("crane"), environment(folder)
    run(crane, "append", "--oci-empty-base", "--new_layer", layer, "--new_tag", reference, env=env)
    options = ("--entrypoint", "/bin/frontend", "--set-platform", host_platform())
    run(crane, "mutate", *options, "--tag", reference, reference, env=env)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _static_busybox() -> bytes:
    content = program("busybox", "busybox-static").read_bytes()
    # The interpreter stands in the first page of a dynamically linked program, and FROM scratch there is none.
    if b"/ld-" in content[:4096]:
        missing("busybox is not static", "apt-get install busybox-static")
    return content


# --- the SBOM that the scanner writes ---------------------------------------------------------------------------------


def _package(name: str, version: str, licence: str) -> dict[str, object]:
    purl = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl"}
    return {
        "SPDXID": f"SPDXRef-Package-{name}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [purl | {"referenceLocator": f"pkg:generic/{name}@{version}"}],
    }


def _relationship(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


_STATEMENT: Final = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://spdx.dev/Document",
    "predicate": {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "app",
        "documentNamespace": "https://sbom.example.test/app",
        "creationInfo": {"created": "2026-01-02T03:04:05Z", "creators": ["Tool: scanner-1"]},
        "packages": [
            _package("base", "12", "MIT"),
            _package("busybox", "1.35.0", "GPL-2.0-only"),
            _package("libc", "2.36", "LGPL-2.1-or-later"),
        ],
        "relationships": [
            _relationship("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Package-base"),
            _relationship("SPDXRef-Package-base", "CONTAINS", "SPDXRef-Package-busybox"),
            _relationship("SPDXRef-Package-busybox", "DEPENDS_ON", "SPDXRef-Package-libc"),
        ],
    },
}


# --- an image of two platforms ----------------------------------------------------------------------------------------


def two_platforms(path: Path) -> Layout:
    """The recorded image and the same for another architecture, each with the provenance that BuildKit embedded."""
    layout = Layout.copy(RECORDING, path)
    index = layout.read(layout.image)
    image, attestations = index["manifests"]
    manifest, held = layout.read(image["digest"]), layout.read(attestations["digest"])
    config = {**layout.read(manifest["config"]["digest"]), "architecture": "arm64"}
    described = layout.write({**config, "mediaType": manifest["config"]["mediaType"]})
    other = layout.write({**manifest, "config": described})
    statement = json.dumps(layout.read(held["layers"][0]["digest"]))
    about = json.loads(statement.replace(image["digest"].partition(":")[2], other["digest"].partition(":")[2]))
    layer = {**held["layers"][0], **layout.write({**about, "mediaType": IN_TOTO})}
    beside = layout.write({**held, "layers": [layer], "subject": other})
    reference = attestations["annotations"] | {"vnd.docker.reference.digest": other["digest"]}
    arm64 = {**other, "platform": {"architecture": "arm64", "os": "linux"}}
    more = [arm64, {**attestations, **beside, "annotations": reference}]
    layout.list(layout.write({**index, "manifests": [image, attestations, *more]}))
    return layout


# --- the repository ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Repository:
    """A clean checkout of `main`, whose newest commit is v1.0.0 (annotated) and whose older one is v0.9.0 (light)."""

    path: Path
    commit: str
    tag_object: str
    older_commit: str

    def git(self, *arguments: str) -> str:
        """Run git in it; what it prints, without the last newline."""
        return _git(self.path, *arguments)

    def copy(self, path: Path) -> Repository:
        """The same checkout once more, to be spoiled."""
        shutil.copytree(self.path, path)
        return replace(self, path=path)


def make_repository(path: Path, base_image: str) -> Repository:
    """Make the repository at `path`: a Dockerfile with a RUN step, Dockerfile.scratch without a base, two commits."""
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--initial-branch=main")
    _git(path, "remote", "add", "origin", ORIGIN)
    (path / "hello.txt").write_text("hello\n")
    (path / "Dockerfile").write_text(
        f'FROM {base_image}\nCOPY hello.txt /hello.txt\nRUN cat /hello.txt > /built.txt\nCMD ["cat", "/built.txt"]\n'
    )
    (path / "Dockerfile.scratch").write_text("FROM scratch\nCOPY hello.txt /hello.txt\n")
    _commit(path, "Say hello")
    _git(path, "tag", "v0.9.0")
    (path / "hello.txt").write_text("hello, world\n")
    _commit(path, "Greet everybody")
    _git(path, "tag", "--annotate", "--message=First release", "v1.0.0")
    commit, tag, older = _git(path, "rev-parse", "HEAD", "refs/tags/v1.0.0", "refs/tags/v0.9.0").split()
    return Repository(path, commit, tag, older)


def spoil(repository: Repository, folder: Path) -> None:
    """Copies that lie: `forged` has another origin, `dirty` other content; of `lying`'s git was told not to look."""
    repository.copy(folder / "forged").git("remote", "set-url", "origin", OTHER_ORIGIN)
    repository.copy(folder / "lying").git("update-index", "--assume-unchanged", "hello.txt")
    repository.copy(folder / "dirty")
    for spoiled in ("lying", "dirty"):
        (folder / spoiled / "hello.txt").write_text("goodbye\n")


def _commit(path: Path, message: str) -> None:
    _git(path, "add", "--all")
    _git(path, "commit", "--quiet", f"--message={message}")


def _git(path: Path, *arguments: str) -> str:
    who = {"NAME": "Ada Example", "EMAIL": "ada@example.test", "DATE": "2026-01-02T03:04:05Z"}
    identity = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()}
    env = environment(path.parent, **identity)
    return run(program("git", "git"), *arguments, env=env, cwd=path).removesuffix("\n")
