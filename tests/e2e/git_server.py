"""Git repositories over smart HTTP on loopback, as BuildKit and people clone them: git's own CGI behind http.server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from tests.e2e.stand import environment, program, run


@dataclass(frozen=True, slots=True)
class GitServer:
    """Serves every bare repository below `folder`."""

    url: str
    folder: Path

    def publish(self, repository: Path, name: str) -> str:
        """Serve a copy of this repository, with all its branches and tags. Gives its URL."""
        bare = self.folder / f"{name}.git"
        run(program("git", "git"), "clone", "--quiet", "--mirror", repository, bare, env=environment(self.folder))
        return f"{self.url}/{name}.git"


@contextmanager
def git_http(folder: Path) -> Iterator[GitServer]:
    """Serve `folder` until the block ends."""
    git = program("git", "git")

    class Handler(_Handler):
        backend = (str(git), "http-backend")
        env = environment(folder, GIT_PROJECT_ROOT=str(folder), GIT_HTTP_EXPORT_ALL="1")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield GitServer(f"http://127.0.0.1:{server.server_port}", folder)
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """RFC 3875, as far as git http-backend needs it."""

    backend: tuple[str, ...]
    env: dict[str, str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is for failures."""

    def _answer(self, body: bytes) -> None:
        done = subprocess.run(self.backend, input=body, env=self._variables(body), capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _variables(self, body: bytes) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return self.env | {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
            "GATEWAY_INTERFACE": "CGI/1.1",
        }
