"""Real processes: a builder here is a few lines of Python that behave as buildx and buildctl were seen to."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from attest.build import run
from attest.build.buildctl import Buildctl
from attest.build.buildx import DOCKER_BUILDX, STANDALONE
from attest.build.interface import BuildRequest
from attest.build.run import find_builder, run_build
from attest.errors import BuildFailed, NoBuilder, NotWritable, UsageError
from attest.reference import Digest, LayoutReference, parse_reference

DIGEST = Digest.of(b"index")
APP = parse_reference("registry.example.com/acme/app:v1")
WRITE_METADATA = f"""
    import json, pathlib
    pathlib.Path(sys.argv[1]).write_text(json.dumps({{"containerimage.digest": "{DIGEST}", "image.name": "x"}}))
"""


@dataclass(frozen=True)
class Script:
    """Runs Python with the metadata file, the layout's path (or "") and the context as arguments."""

    text: str
    name: str = "docker buildx"
    added: Mapping[str, str] = field(default_factory=dict)

    def command(self, request: BuildRequest, metadata_file: Path, vcs: Mapping[str, str]) -> list[str]:
        layout = str(request.layout.path) if request.layout else ""
        text = "import sys\n" + textwrap.dedent(self.text)
        return [sys.executable, "-c", text, str(metadata_file), layout, request.context, *vcs.values()]

    def environment(self, request: BuildRequest) -> Mapping[str, str]:
        return self.added


def build(text: str, request: BuildRequest | None = None, environ: Mapping[str, str] = os.environ) -> Digest:
    return run_build(Script(text), request or BuildRequest(".", (APP,)), environ, {}).digest


def test_the_digest_is_the_one_in_the_metadata_file() -> None:
    result = run_build(Script(WRITE_METADATA), BuildRequest(".", (APP,)), os.environ, {})
    assert result.digest == DIGEST
    assert result.targets == (APP,)


def test_standard_output_is_kept_clean_and_progress_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    build(WRITE_METADATA + "    print('sha256:image id'); print('progress ✓', file=sys.stderr)")
    out, err = capfd.readouterr()
    assert out == ""
    assert "sha256:image id" in err
    assert "progress" in err


def test_progress_is_live_while_the_build_runs(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiting = f"""
    import os, time
    print("step 1", flush=True)
    while not os.path.exists({str(go)!r}):
        time.sleep(0.01)
    """
    child = start(WRITE_METADATA + waiting)
    assert child.stderr is not None
    assert child.stderr.readline() == b"step 1\n"
    assert child.poll() is None
    go.touch()
    assert child.wait(20) == 0
    child.communicate()


def test_the_builders_exit_code_and_last_error_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BuildFailed) as caught:
        build(
            """
            print("#4 ERROR: not this one", file=sys.stderr)
            print("ERROR: an earlier one", file=sys.stderr)
            print("ERROR: failed to build: /nope: not found", file=sys.stderr)
            print(" > [1/1] COPY nope /:", file=sys.stderr)
            sys.exit(17)
            """
        )
    assert caught.value.summary == "docker buildx build exited with 17"
    assert caught.value.detail == "ERROR: failed to build: /nope: not found"
    assert caught.value.exit_code == 5
    assert "not this one" in capfd.readouterr().err


def test_buildctls_way_of_saying_it_is_known_too() -> None:
    with pytest.raises(BuildFailed) as caught:
        build("print('error: failed to solve: x', file=sys.stderr); sys.exit(1)")
    assert caught.value.detail == "error: failed to solve: x"


def test_a_secret_in_the_builders_error_is_not_repeated() -> None:
    with pytest.raises(BuildFailed) as caught:
        build(
            "print('ERROR: fetching https://u:very-secret@git.example.com failed', file=sys.stderr); sys.exit(1)",
            environ={**os.environ, "CI_JOB_TOKEN": "very-secret"},
        )
    assert caught.value.detail == ""


def test_a_killed_build_says_by_which_signal() -> None:
    with pytest.raises(BuildFailed, match="was ended by signal 9"):
        build("import os; os.kill(os.getpid(), 9)")


@pytest.mark.parametrize("feature", ["Attestation", "Cache export", "OCI exporter", "Multi-platform build"])
def test_what_the_docker_driver_cannot_do_comes_with_the_remedy(feature: str) -> None:
    message = f"ERROR: failed to build: {feature} is not supported for the docker driver."
    with pytest.raises(BuildFailed) as caught:
        build(f"print({message!r}, file=sys.stderr); sys.exit(1)")
    assert "docker buildx create --driver docker-container --use" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "pass",
        "open(sys.argv[1], 'w').write('{}')",
        "open(sys.argv[1], 'w').write('not json')",
        "open(sys.argv[1], 'w').write('{\"containerimage.digest\": \"sha256:short\"}')",
    ],
)
def test_success_without_a_digest_is_a_failure_that_is_explained(text: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        build(text)
    assert "does not say which image" in caught.value.summary
    assert "docker-container" in caught.value.remedy


def test_a_program_that_is_not_there_is_no_builder(tmp_path: Path) -> None:
    with pytest.raises(NoBuilder, match="buildx cannot be started"):
        run_build(STANDALONE, BuildRequest(".", (APP,)), {"PATH": str(tmp_path)}, {})


def test_the_environment_is_the_one_given_and_the_builders_additions() -> None:
    text = WRITE_METADATA + "    import os; assert (os.environ['GIVEN'], os.environ['ADDED']) == ('a', 'b'), os.environ"
    environ = {"PATH": os.environ["PATH"], "GIVEN": "a", "ADDED": "not this"}
    assert run_build(Script(text, added={"ADDED": "b"}), BuildRequest(".", (APP,)), environ, {}).digest == DIGEST


def test_the_users_metadata_file_is_written_after_success(tmp_path: Path) -> None:
    wanted = tmp_path / "metadata.json"
    build(WRITE_METADATA, BuildRequest(".", (APP,), (("--metadata-file", str(wanted)),)))
    assert json.loads(wanted.read_text())["containerimage.digest"] == str(DIGEST)


def test_a_failed_build_writes_no_metadata_file(tmp_path: Path) -> None:
    wanted = tmp_path / "metadata.json"
    with pytest.raises(BuildFailed):
        build(WRITE_METADATA + "    sys.exit(1)", BuildRequest(".", (APP,), (("--metadata-file", str(wanted)),)))
    assert not wanted.exists()


def test_a_metadata_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    request = BuildRequest(".", (APP,), (("--metadata-file", str(tmp_path / "missing" / "m.json")),))
    with pytest.raises(NotWritable, match="metadata file"):
        build(WRITE_METADATA, request)


WRITE_LAYOUT = (
    WRITE_METADATA
    + f"""
    layout = pathlib.Path(sys.argv[2])
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "blobs" / "sha256" / "{DIGEST.hex}").write_bytes(b"index")
    entry = {{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "{DIGEST}", "size": 5}}
    (layout / "index.json").write_text(json.dumps({{"schemaVersion": 2, "manifests": [entry]}}))
"""
)


def test_a_layout_appears_when_the_build_is_complete(tmp_path: Path) -> None:
    target = LayoutReference(tmp_path / "out", "v1", None)
    # While it runs there is nothing in the context that was not there before.
    text = WRITE_LAYOUT + f"\n    assert not list(pathlib.Path({str(tmp_path)!r}).iterdir())"
    assert build(text, BuildRequest(".", (target,))) == DIGEST
    (entry,) = json.loads((tmp_path / "out" / "index.json").read_text())["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "v1"}
    assert (tmp_path / "out" / "blobs" / "sha256" / DIGEST.hex).read_bytes() == b"index"


def test_a_failed_build_leaves_no_layout(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed):
        build(WRITE_LAYOUT + "    sys.exit(1)", BuildRequest(".", (LayoutReference(tmp_path / "out", "v1", None),)))
    assert not (tmp_path / "out").exists()


PROGRAM = """
import os, sys
sys.path.insert(0, {here!r})
from attest.build import run
from attest.build.interface import BuildRequest
from attest.reference import parse_reference
from {module} import Script
run._GRACE_SECONDS = 1.0
try:
    run.run_build(Script({text!r}), BuildRequest(".", (parse_reference("a.example/b:1"),)), os.environ, {{}})
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(text: str) -> subprocess.Popen[bytes]:
    """attest in a process of its own, which can be interrupted."""
    here = Path(__file__)
    program = PROGRAM.format(here=str(here.parent), module=here.stem, text=text)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may have had it ignored
    )


def interrupted(text: str, everybody: bool) -> tuple[int, bytes]:
    """Exit code and what was said, after an interrupt once the child says that it is ready."""
    child = start(text)
    assert child.stderr is not None
    first = child.stderr.readline()
    assert first.startswith(b"ready"), first + child.stderr.read()
    if everybody:
        os.killpg(child.pid, signal.SIGINT)
    else:
        os.kill(child.pid, signal.SIGINT)
    _, rest = child.communicate(timeout=30)
    return child.returncode, first + rest


CANCELS = """
import os, time
try:
    print("ready", os.getpid(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.4)  # longer than subprocess itself waits
    print("cancelled", flush=True)
    sys.exit(1)
"""
IGNORES = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.getpid(), flush=True)
time.sleep(60)
"""


def test_an_interrupt_on_the_terminal_lets_the_build_cancel_first() -> None:
    code, said = interrupted(CANCELS, everybody=True)
    assert code == 130
    assert b"cancelled" in said


@pytest.mark.parametrize("text", [CANCELS, IGNORES])
def test_no_build_outlives_an_interrupt(text: str) -> None:
    code, said = interrupted(text, everybody=False)
    assert code == 130
    builder = int(said.split()[1])
    with pytest.raises(ProcessLookupError):
        os.kill(builder, 0)


def test_a_terminal_is_given_to_the_builder_as_it_is() -> None:
    parent, terminal = pty.openpty()
    text = WRITE_METADATA + "    print(sys.stdout.isatty(), sys.stderr.isatty())"
    here = Path(__file__)
    program = PROGRAM.format(here=str(here.parent), module=here.stem, text=text)
    try:
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=terminal, check=True)
        assert os.read(parent, 100).split() == [b"True", b"True"]
    finally:
        os.close(parent)
        os.close(terminal)


def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.build.tee._PATIENCE_SECONDS", 0.2)
    begun = time.monotonic()
    assert build(WRITE_METADATA + "    import subprocess; subprocess.Popen(['sleep', '4'])") == DIGEST
    assert time.monotonic() - begun < 3


def program(directory: Path, name: str, text: str = "exit 0") -> None:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "DEFAULT_SOCKET", tmp_path / "no.sock")
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def test_the_docker_command_comes_first_if_it_has_the_plugin(programs: Path) -> None:
    for name in ("docker", "buildx", "buildctl"):
        program(programs, name, '[ "$1 $2" = "buildx version" ] || exit 1')
    assert find_builder({"PATH": str(programs)}) == DOCKER_BUILDX


def test_a_docker_command_without_the_plugin_is_passed_over(programs: Path) -> None:
    program(programs, "docker", "exit 1")
    program(programs, "buildx")
    assert find_builder({"PATH": str(programs)}) == STANDALONE


def test_buildctl_needs_a_daemon_to_talk_to(programs: Path, tmp_path: Path) -> None:
    program(programs, "buildctl")
    environ = {"PATH": str(programs)}
    with pytest.raises(NoBuilder, match="no daemon: BUILDKIT_HOST is not set"):
        find_builder(environ)
    with_host = {**environ, "BUILDKIT_HOST": "tcp://buildkit.example:1234"}
    assert find_builder(with_host) == Buildctl("buildctl", with_host)
    (tmp_path / "no.sock").touch()
    assert find_builder(environ) == Buildctl("buildctl", environ)


def test_without_a_daemon_the_script_that_starts_one_is_used(programs: Path) -> None:
    program(programs, "buildctl")
    program(programs, "buildctl-daemonless.sh")
    environ = {"PATH": str(programs)}
    assert find_builder(environ) == Buildctl("buildctl-daemonless.sh", environ)
    assert find_builder(environ, "buildctl").name == "buildctl-daemonless.sh"


def test_a_named_builder_is_the_only_one_looked_for(programs: Path) -> None:
    program(programs, "docker")
    program(programs, "buildx")
    assert find_builder({"PATH": str(programs)}, "buildx") == STANDALONE
    with pytest.raises(NoBuilder, match="buildctl cannot build here"):
        find_builder({"PATH": str(programs)}, "buildctl")
    with pytest.raises(UsageError, match="no builder of that name"):
        find_builder({"PATH": str(programs)}, "kaniko")


def test_nothing_to_build_with_says_what_was_looked_for(programs: Path) -> None:
    with pytest.raises(NoBuilder) as caught:
        find_builder({"PATH": str(programs)})
    assert [line.partition(":")[0] for line in caught.value.detail.splitlines()] == [
        "docker buildx",
        "buildx",
        "buildctl",
    ]
    assert "Install" in caught.value.remedy
