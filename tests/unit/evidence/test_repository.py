from __future__ import annotations

import pytest

from attest.evidence.repository import canonical_repository, same_repository, without_credentials


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.test/acme/app",
        "https://git.example.test/acme/app/",
        "https://git.example.test/acme/app.git",
        "https://git.example.test:443/acme/app.git",
        "https://GIT.Example.test/acme/app.git",
        "http://git.example.test/acme/app.git",
        "https://user:token@git.example.test/acme/app.git",
        "https://git.example.test//acme/app.git#refs/tags/v1:sub",
        "git+https://git.example.test/acme/app",
        "ssh://git@git.example.test/acme/app.git",
        "ssh://git@git.example.test:22/acme/app.git",
        "git@git.example.test:acme/app.git",
        "git@git.example.test:/acme/app.git",
        "git://git.example.test/acme/app.git",
        "git.example.test/acme/app",
    ],
)
def test_the_same_repository_in_every_shape(address: str) -> None:
    assert canonical_repository(address) == "git.example.test/acme/app"


@pytest.mark.parametrize(
    "other",
    [
        "https://git.example.test/acme/app-evil",
        "https://git.example.test/acme",
        "https://git.example.test.evil.test/acme/app",
        "https://evil.test/git.example.test/acme/app",
        "https://git.example.test:8443/acme/app",
        "https://git.example.test@evil.test/acme/app",
        "https://git.example.test/acme/app/../evil",
        "https://git.example.test/acme/App",
        "",
        "app",
        "../app",
        "/srv/git/app.git",
        "https://",
        "https://git.example.test:port/acme/app",
    ],
)
def test_another_repository_or_none(other: str) -> None:
    assert not same_repository(other, "https://git.example.test/acme/app")


def test_what_is_no_address_equals_nothing_not_even_itself() -> None:
    assert not same_repository("/srv/app", "/srv/app")


def test_hosts_that_ignore_case_are_known() -> None:
    assert same_repository("https://GitLab.com/Acme/App", "git@gitlab.com:acme/app.git")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://user:secret@host/a.git?x=secret#main", "https://host/a.git"),
        ("https://user@host@evil/a", "https://evil/a"),
        ("git@host:a/b.git#main", "git@host:a/b.git"),
        ("https://host/a", "https://host/a"),
    ],
)
def test_credentials_are_taken_out(address: str, public: str) -> None:
    assert without_credentials(address) == public
