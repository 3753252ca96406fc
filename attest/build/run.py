"""Finding the program that builds, running it, and reading which digest came out.

The child talks to people on our standard error; our standard output is data. There is no shell in between.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from attest.build.buildctl import Buildctl
from attest.build.buildx import DOCKER_BUILDX, STANDALONE
from attest.build.credentials import credentials_in
from attest.build.flags import metadata_copy
from attest.build.interface import Builder, BuildRequest, BuildResult
from attest.build.layout import adopt, staged
from attest.build.tee import Tee
from attest.errors import BuildFailed, InvalidReference, NoBuilder, NotWritable, Unreadable, UsageError
from attest.oci.document import parse_object, text
from attest.reference import Digest

DEFAULT_SOCKET: Final = Path("/run/buildkit/buildkitd.sock")  # where buildctl looks without BUILDKIT_HOST
DAEMONLESS: Final = "buildctl-daemonless.sh"

_PROBE_SECONDS: Final = 30.0  # `docker buildx version` takes 0.1 s; a cold container image on a slow disk takes seconds
_GRACE_SECONDS: Final = 5.0  # BuildKit cancels a build within one or two
_METADATA_LIMIT: Final = 64 * 1024 * 1024  # holds provenance for each platform
_LAST_ERROR: Final = re.compile(r"^(?:ERROR|error): [^\r\n]*", re.MULTILINE)
_DOCKER_DRIVER: Final = "is not supported for the docker driver"
_OTHER_DRIVER: Final = "Use a builder that can: docker buildx create --driver docker-container --use"


def find_builder(environ: Mapping[str, str], wanted: str | None = None) -> Builder:
    """The first program that can build, or the one called `wanted`. Raises NoBuilder; UsageError for another name."""
    if wanted is not None and wanted not in _FINDERS:
        raise UsageError(f"{wanted}: no builder of that name", f"Known are {', '.join(_FINDERS)}.")
    missing = []
    for name in [wanted] if wanted is not None else _FINDERS:
        found = _FINDERS[name](environ)
        if not isinstance(found, str):
            return found
        missing.append(f"{name}: {found}.")
    raise NoBuilder(
        "nothing here can build with provenance" if wanted is None else f"{wanted} cannot build here",
        "\n".join(missing),
        "Install Docker's buildx plug-in (docker-buildx-plugin), or run in an image that has it or buildctl.",
    )


def run_build(
    builder: Builder, request: BuildRequest, environ: Mapping[str, str], vcs: Mapping[str, str]
) -> BuildResult:
    """Build, and say what came out.

    Raises BuildFailed (5) with the builder's own exit code in the message, NoBuilder if it cannot be started,
    UsageError for a flag that it cannot honour, NotWritable, and KeyboardInterrupt once the child has ended.
    """
    with _scratch() as directory:
        metadata = directory / "metadata.json"
        if request.layout is None:
            digest = _build(builder, request, metadata, environ, vcs)
        else:
            layout = staged(request.layout, directory)
            digest = _build(builder, request.into(layout), metadata, environ, vcs)
            adopt(layout, request.layout, digest)
        _hand_out(metadata, metadata_copy(request))
    return BuildResult(digest, request.targets)


def _build(
    builder: Builder, request: BuildRequest, metadata: Path, environ: Mapping[str, str], vcs: Mapping[str, str]
) -> Digest:
    command = builder.command(request, metadata, vcs)
    code, output = _run(builder, command, {**environ, **builder.environment(request)})
    if code != 0:
        raise _failed(builder, code, output, environ)
    return _digest(builder, metadata)


def _run(builder: Builder, command: list[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and the end of what was said; nothing of it where a terminal took it directly."""
    with Tee(sys.stderr) as tee:
        try:
            child = subprocess.Popen(command, env=environ, stdout=tee.descriptor, stderr=tee.descriptor)
        except OSError as error:
            raise NoBuilder(f"{builder.name} cannot be started", f"{command[0]}: {error.strerror}.") from None
        try:
            code = child.wait()
        except KeyboardInterrupt:
            # A terminal has sent the child the same signal; it gets the time to cancel the build.
            _end(child)
            raise
        return code, tee.tail()


def _end(child: subprocess.Popen[bytes]) -> None:
    for stop in (child.terminate, child.kill):
        try:
            child.wait(_GRACE_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            stop()
    child.wait()


def _failed(builder: Builder, code: int, output: str, environ: Mapping[str, str]) -> BuildFailed:
    errors = _LAST_ERROR.findall(output)
    last = errors[-1] if errors and not credentials_in(errors[-1], environ) else ""
    how = f"exited with {code}" if code > 0 else f"was ended by signal {-code}"
    return BuildFailed(f"{builder.name} build {how}", last, _OTHER_DRIVER if _DOCKER_DRIVER in output else "")


def _digest(builder: Builder, metadata: Path) -> Digest:
    # Of this file only the digest is used: its provenance is of another version and holds build arguments.
    try:
        with metadata.open("rb") as file:
            document = parse_object(file.read(_METADATA_LIMIT), "the build's metadata file")
        return Digest.parse(text(document, "containerimage.digest"))
    except (OSError, Unreadable, InvalidReference):
        raise BuildFailed(
            f"{builder.name} build succeeded, but does not say which image it made",
            "Expected containerimage.digest in the metadata file. Docker's own driver, without the containerd image "
            "store, writes none and keeps no attestations.",
            _OTHER_DRIVER,
        ) from None


def _hand_out(metadata: Path, wanted: Path | None) -> None:
    if wanted is None:
        return
    try:
        shutil.copyfile(metadata, wanted)
    except OSError as error:
        raise NotWritable(f"{wanted}: the metadata file cannot be written", f"{error.strerror}.") from None


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        directory = tempfile.TemporaryDirectory(prefix="attest-build-")
    except OSError as error:
        raise NotWritable("no temporary directory", f"{error.strerror}.", "Set TMPDIR to one.") from None
    with directory as path:
        yield Path(path)


def _docker_buildx(environ: Mapping[str, str]) -> Builder | str:
    if shutil.which("docker", path=environ.get("PATH")) is None:
        return "docker is not on PATH"
    answer = None
    with suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(
            ["docker", "buildx", "version"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
    works = answer is not None and answer.returncode == 0
    return DOCKER_BUILDX if works else "docker is there, its buildx plug-in is not (docker buildx version fails)"


def _standalone(environ: Mapping[str, str]) -> Builder | str:
    return STANDALONE if shutil.which("buildx", path=environ.get("PATH")) else "not on PATH"


def _buildctl(environ: Mapping[str, str]) -> Builder | str:
    path = environ.get("PATH")
    has_client = shutil.which("buildctl", path=path) is not None
    if has_client and (environ.get("BUILDKIT_HOST") or DEFAULT_SOCKET.exists()):
        return Buildctl("buildctl", environ)
    if not environ.get("BUILDKIT_HOST") and shutil.which(DAEMONLESS, path=path):
        return Buildctl(DAEMONLESS, environ)
    if has_client:
        return f"no daemon: BUILDKIT_HOST is not set, {DEFAULT_SOCKET} does not exist, {DAEMONLESS} is not on PATH"
    return "not on PATH"


_FINDERS: Final[Mapping[str, Callable[[Mapping[str, str]], Builder | str]]] = {
    "docker buildx": _docker_buildx,
    "buildx": _standalone,
    "buildctl": _buildctl,
}
