from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer

from attest.errors import Unauthorised, Unreachable, Unreadable
from attest.oci.http import connections
from attest.oci.http.connections import Connections, is_loopback
from attest.oci.http.registry import Registry
from attest.oci.http.transport import Transport
from attest.reference import Digest, RegistryReference
from tests.unit.oci.http.registries import NAME, MemoryRegistry, raw_server
from tests.unit.oci.samples import image

HOST = "registry.example.com"
ONE = image(1)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "LOCALHOST", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:5000"]
)
def test_this_machine_is_spoken_to_without_tls(host: str) -> None:
    assert is_loopback(host)
    assert Transport(frozenset(), None, {}).address(host) == f"http://{host}"


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        "10.0.0.1",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "xlocalhost",
        "[::2]",
        "0.0.0.1",
        "[fe80::1]:5",
    ],
)
def test_everything_else_is_spoken_to_with_tls(host: str) -> None:
    assert not is_loopback(host)
    assert Transport(frozenset(), None, {}).address(host) == f"https://{host}"


def test_a_host_named_as_insecure_is_spoken_to_without_tls_at_this_port_only() -> None:
    transport = Transport(frozenset({f"{HOST}:5000"}), None, {})
    assert transport.address(f"{HOST}:5000") == f"http://{HOST}:5000"
    assert transport.address(HOST) == f"https://{HOST}"


def test_docker_hub_is_asked_at_its_registry() -> None:
    assert Transport(frozenset(), None, {}).address("docker.io") == "https://registry-1.docker.io"


@pytest.mark.parametrize(
    "location", ["http://registry.example.com/x", "http://127.0.0.1/x", "http://insecure.example/x"]
)
def test_nothing_leads_out_of_tls(location: str) -> None:
    transport = Transport(frozenset({"insecure.example"}), None, {})
    with pytest.raises(Unreadable, match="without TLS"):
        transport.follow(f"https://{HOST}/v2/", location)
    assert (
        transport.follow("http://insecure.example/", "https://storage.example.com/x") == "https://storage.example.com/x"
    )


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, f"https://{HOST}/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, f"https://{HOST}/", "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, f"https://{HOST}/", "http://proxy:3128"),
        ({"https_proxy": "http://lower", "HTTPS_PROXY": "http://upper"}, f"https://{HOST}/", "http://lower"),
        ({"HTTPS_PROXY": "http://proxy"}, f"http://{HOST}/", ""),
        ({"HTTP_PROXY": "http://proxy"}, f"http://{HOST}/", "http://proxy"),
        ({"HTTP_PROXY": "http://proxy"}, "http://127.0.0.1:5000/", ""),
        ({"HTTP_PROXY": "http://proxy"}, "http://localhost/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*"}, f"https://{HOST}/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "a.test, Example.com"}, f"https://{HOST}/", ""),
        ({"HTTPS_PROXY": "http://proxy", "no_proxy": ".example.com"}, f"https://{HOST}:5000/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*.example.com"}, f"https://{HOST}/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": f"{HOST}:5000"}, f"https://{HOST}:5000/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": f"{HOST}:5000"}, f"https://{HOST}/", "http://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "ample.com,,"}, f"https://{HOST}/", "http://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3:5000/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3/", "http://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "10.1.2.3"}, "https://10.1.2.3:5000/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "fd00::/8"}, "https://[fd00::1]:5000/", ""),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "fd00::/8"}, "https://[fe00::1]:5000/", "http://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "10.0.0.0/8"}, f"https://{HOST}/", "http://proxy"),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(environ: Mapping[str, str], url: str, proxy: str) -> None:
    assert Connections(None, environ)._proxy(connections.split(url)) == proxy


# A registry with TLS and a certificate of its own CA, reached by its name through a proxy.


def _key_and_certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "ca.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _key_and_certificate(tmp_path_factory.mktemp("tls"), [HOST, "localhost"])[0]


@pytest.fixture(scope="module")
def tls_server(ca_file: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, ca_file.with_name("key.pem"))
    with HTTPServer(host="127.0.0.1", ssl_context=context, threaded=True) as server:
        MemoryRegistry().serve(server).add(ONE, "1")
        yield server


@pytest.fixture
def proxy(tls_server: HTTPServer) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that leads every CONNECT to the registry, whatever name is asked for."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_tunnel, args=(client, tls_server.port, asked), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


def _tunnel(client: socket.socket, port: int, asked: list[bytes]) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as upstream:
        asked.append(client.recv(65536))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
        back.start()
        _copy(client, upstream)
        back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _open(host: str, environ: Mapping[str, str], ca_file: Path | None = None) -> Registry:
    reference = RegistryReference(host, NAME, "1", None)
    return Registry(reference, ca_file=ca_file, environ=environ, wait=lambda _: None)


def test_a_registry_is_reached_through_a_proxy_with_a_ca_of_its_own(
    proxy: tuple[str, list[bytes]], ca_file: Path
) -> None:
    address, asked = proxy
    store = _open(HOST, {"HTTPS_PROXY": f"http://user:pass%40word@{address}"}, ca_file)
    assert store.resolve().digest == Digest.of(ONE)
    assert asked[0].startswith(f"CONNECT {HOST}:443 HTTP/1.".encode())
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNzQHdvcmQ=" in asked[0].replace(b"proxy-auth", b"Proxy-Auth")


def test_a_registry_on_this_machine_may_have_tls_where_a_ca_is_named(tls_server: HTTPServer, ca_file: Path) -> None:
    assert _open(f"localhost:{tls_server.port}", {}, ca_file).resolve().digest == Digest.of(ONE)


def test_who_names_a_ca_and_an_insecure_host_speaks_both(
    tls_server: HTTPServer, server: HTTPServer, ca_file: Path
) -> None:
    MemoryRegistry().serve(server).add(ONE, "1")
    plain = f"localhost:{server.port}"
    insecure = Registry(
        RegistryReference(plain, NAME, "1", None), insecure_hosts=frozenset({plain}), ca_file=ca_file, environ={}
    )
    assert insecure.resolve().digest == Digest.of(ONE)
    assert _open(f"localhost:{tls_server.port}", {}, ca_file).resolve().digest == Digest.of(ONE)


def test_a_certificate_of_an_unknown_ca_is_not_believed(proxy: tuple[str, list[bytes]]) -> None:
    with pytest.raises(Unreachable, match=f"{HOST}: no TLS connection") as caught:
        _open(HOST, {"HTTPS_PROXY": proxy[0]}).resolve()
    assert "CERTIFICATE_VERIFY_FAILED" in caught.value.detail


def test_a_certificate_for_another_name_is_not_believed(proxy: tuple[str, list[bytes]], ca_file: Path) -> None:
    with pytest.raises(Unreachable, match="no TLS connection") as caught:
        _open("other.example.com", {"HTTPS_PROXY": proxy[0]}, ca_file).resolve()
    assert "mismatch" in caught.value.detail


def test_a_registry_with_tls_cannot_have_its_password_sent_in_clear_not_even_to_this_machine(
    tls_server: HTTPServer, proxy: tuple[str, list[bytes]], ca_file: Path, elsewhere: HTTPServer
) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{elsewhere.port}/token"'}
    tls_server.expect_oneshot_request(f"/v2/{NAME}/manifests/1").respond_with_data(status=401, headers=challenge)
    environ = {"HTTPS_PROXY": proxy[0], "ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    with pytest.raises(Unauthorised, match="which is not https"):
        _open(HOST, environ, ca_file).resolve()
    assert elsewhere.log == []


def test_a_proxy_that_refuses_is_unreachable_and_its_password_is_not_shown() -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    with raw_server(answer) as (address, _), pytest.raises(Unreachable, match="the proxy") as caught:
        _open(HOST, {"HTTPS_PROXY": f"http://user:password@{address}"}).resolve()
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["socks5://proxy", "http://[", "http://"])
def test_a_proxy_that_is_none_is_one_of_our_errors(proxy: str) -> None:
    with pytest.raises((Unreachable, Unreadable)):
        _open(HOST, {"HTTPS_PROXY": proxy}).resolve()


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="does not resolve"):
        _open("registry.invalid", {}).resolve()


def test_an_address_is_shown_by_its_host_alone() -> None:
    assert (
        connections.host_of("https://user:secret@storage.example.com:8443/b?signature=s") == "storage.example.com:8443"
    )
