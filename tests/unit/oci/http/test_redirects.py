from __future__ import annotations

import http.client

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import ContentMismatch, Unauthorised, Unreadable
from attest.oci import limits
from attest.oci.http.registry import Registry
from tests.unit.oci.http.registries import BUNDLE_AT, NAME, MemoryRegistry, host_of, open_at, read_bundle
from tests.unit.oci.samples import BUNDLE


def test_a_blob_is_fetched_from_elsewhere_without_our_credentials(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[http.client.HTTPMessage | object] = []

    def blob(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(BUNDLE)

    def redirect(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        if "Authorization" not in request.headers:
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return Response(status=307, headers={"Location": f"http://{host_of(elsewhere)}/bucket?signature=a%2Fb"})

    server.expect_request(BUNDLE_AT).respond_with_handler(redirect)
    elsewhere.expect_request("/bucket", query_string="signature=a%2Fb").respond_with_handler(blob)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    assert read_bundle(open_at(host_of(server), environ=environ)) == BUNDLE
    assert seen == [None, "Basic bWU6c2VjcmV0", None]


def test_credentials_stay_away_even_if_the_way_leads_back(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[str | None] = []

    def last(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(BUNDLE)

    def first(request: Request) -> Response:
        if "Authorization" not in request.headers:
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return Response(status=302, headers={"Location": f"http://{host_of(elsewhere)}/there"})

    server.expect_request(BUNDLE_AT).respond_with_handler(first)
    back = {"Location": f"http://{host_of(server)}/back"}
    elsewhere.expect_request("/there").respond_with_data(status=302, headers=back)
    server.expect_request("/back").respond_with_handler(last)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    assert read_bundle(open_at(host_of(server), environ=environ)) == BUNDLE
    assert seen == [None]


def test_a_demand_for_credentials_from_elsewhere_is_not_met(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[str | None] = []

    def thief(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(status=401, headers={"WWW-Authenticate": 'Basic realm="give"'})

    away = {"Location": f"http://{host_of(elsewhere)}/"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    elsewhere.expect_request("/").respond_with_handler(thief)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    with pytest.raises(Unauthorised):
        read_bundle(open_at(host_of(server), environ=environ))
    assert seen == [None]


def test_a_relative_redirect_on_the_same_host_is_followed(server: HTTPServer, store: Registry) -> None:
    server.expect_request(BUNDLE_AT).respond_with_data(status=308, headers={"Location": "../stored/x"})
    server.expect_request(f"/v2/{NAME}/stored/x").respond_with_data(BUNDLE)
    assert read_bundle(store) == BUNDLE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_without_end_is_unreadable(memory: MemoryRegistry, store: Registry, status: int) -> None:
    memory.before = lambda request: Response(status=status, headers={"Location": request.url})
    with pytest.raises(Unreadable, match="redirected more than 5 times"):
        read_bundle(store)
    assert len(memory.seen) == limits.REDIRECTS + 1


def test_content_from_elsewhere_is_checked_like_any_other(server: HTTPServer, elsewhere: HTTPServer) -> None:
    away = {"Location": f"http://{host_of(elsewhere)}/"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    elsewhere.expect_request("/").respond_with_data(BUNDLE[::-1])
    with pytest.raises(ContentMismatch):
        read_bundle(open_at(host_of(server)))


def test_a_redirect_to_a_strange_host_without_tls_is_refused(server: HTTPServer, store: Registry) -> None:
    away = {"Location": "http://storage.example.com/bucket?signature=secret"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    with pytest.raises(Unreadable, match=r"sends us to storage\.example\.com without TLS") as caught:
        read_bundle(store)
    assert "secret" not in str(caught.value)
