from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.build.credentials import Exposure, credentials_in, exposed_credentials, refuse_credentials
from attest.build.interface import BuildRequest, Flag
from attest.errors import CredentialExposed
from attest.reference import parse_reference

BODY = "a1B2c3D4e5F6g7H8i9J0"
SECRETS = {"CI_JOB_TOKEN": "64_hunter2&<hunter2>", "PATH": "/usr/bin", "SHORT_TOKEN": "abc"}
NOTHING: Mapping[str, str] = {}

TOKENS = [
    "glpat-" + BODY,
    "gldt-" + BODY,
    "glrt-" + BODY,
    "glcbt-64_" + BODY,
    "ghp_" + BODY + BODY,
    "gho_" + BODY + BODY,
    "ghs_" + BODY + BODY,
    "github_pat_" + BODY + "_" + BODY,
    "AKIA" + "ABCDEFGHIJ234567",
    "xoxb-" + "123456789012-" + BODY,
    "xoxp-" + "123456789012-" + BODY,
    "eyJhbGciOiJSUzI1NiJ9." + "eyJzdWIiOiJqb2IifQ." + BODY,
    "-----BEGIN " + "PRIVATE KEY-----",
    "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----",
    "npm_" + BODY + BODY,
    "pypi-" + "AgEIcHlwaS5vcmc" + BODY,
    "hf_" + BODY + BODY,
]


def exposed(*flags: Flag, context: str = ".", environ: Mapping[str, str] = NOTHING) -> list[str]:
    return [str(exposure) for exposure in exposed_credentials(context, flags, environ)]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((("--build-arg", "HTTP_PROXY=http://u:p@proxy:3128"),), "--build-arg HTTP_PROXY: a password in an address"),
        ((("--build-arg", "NPM_TOKEN=x"),), "--build-arg NPM_TOKEN: a name that says credential"),
        ((("--build-arg", "client_secret=x"),), "--build-arg client_secret: a name that says credential"),
        ((("--build-arg", "DB_PASSWORD=x"),), "--build-arg DB_PASSWORD: a name that says credential"),
        ((("--build-arg", "DB_PASSWD=x"),), "--build-arg DB_PASSWD: a name that says credential"),
        ((("--build-arg", "API_KEY=x"),), "--build-arg API_KEY: a name that says credential"),
        ((("--build-arg", "SSH_PRIVATE_KEY=x"),), "--build-arg SSH_PRIVATE_KEY: a name that says credential"),
        ((("--build-arg", "AWS_CREDENTIALS=x"),), "--build-arg AWS_CREDENTIALS: a name that says credential"),
        ((("--build-arg", "CI_JOB_TOKEN"),), "--build-arg CI_JOB_TOKEN: the value of a secret variable CI_JOB_TOKEN"),
        (
            (("--build-arg", f"URL=https://x/?t={SECRETS['CI_JOB_TOKEN']}"),),
            "--build-arg URL: the value of a secret variable CI_JOB_TOKEN",
        ),
        ((("--label", f"a={SECRETS['CI_JOB_TOKEN']}"),), "--label a: the value of a secret variable CI_JOB_TOKEN"),
        ((("--label", f"a={TOKENS[0]}"),), "--label a: a GitLab token"),
        ((("--annotation", f"index:a={TOKENS[0]}"),), "--annotation index:a: a GitLab token"),
        (
            (("--build-context", "lib=https://u:p@git.example.com/lib.git"),),
            "--build-context lib: a password in an address",
        ),
        ((("-f", "https://u:p@example.com/Dockerfile"),), "--file: a password in an address"),
        ((("--provenance", f"builder-id=https://ci/?{TOKENS[0]}"),), "--provenance: a GitLab token"),
        ((("--opt", f"build-arg:A={TOKENS[0]}"),), "--build-arg A: a GitLab token"),
        ((("--opt", f"label:a={TOKENS[0]}"),), "--opt: a GitLab token"),
    ],
)
def test_what_a_build_would_publish_is_named_without_its_value(flags: tuple[Flag, ...], said: str) -> None:
    assert exposed(*flags, environ=SECRETS) == [said]


@pytest.mark.parametrize(
    "flag",
    [
        ("--build-arg", "VERSION=1.0"),
        ("--build-arg", "NPM_TOKEN="),
        ("--build-arg", "NPM_TOKEN"),  # not set here, so nothing is sent
        ("--build-arg", "HTTP_PROXY=http://proxy:3128"),
        ("--build-arg", "BASE=https://user@example.com/"),
        ("--label", "token=documentation"),
        ("--build-context", "base=docker-image://alpine:3@sha256:" + "a" * 64),
        ("--secret", f"id=npm,env={TOKENS[0]}"),
        ("--cache-to", f"type=s3,secret_access_key={SECRETS['CI_JOB_TOKEN']}"),
        ("--no-cache", None),
    ],
)
def test_what_is_not_published_or_no_secret_is_left_alone(flag: Flag) -> None:
    assert exposed(flag, environ=SECRETS) == []


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ("https://gitlab-ci-token:very-secret@git.example.com/acme/app.git#main", True),
        ("https://oauth2:very-secret@git.example.com/acme/app.git", True),
        (f"https://{TOKENS[0]}@git.example.com/acme/app.git", True),
        (f"https://{TOKENS[4]}@git.example.com/acme/app.git", True),
        ("https://user@git.example.com/acme/app.git", False),
        ("git@git.example.com:acme/app.git", False),
        ("ssh://git@git.example.com:22/acme/app.git", False),
        ("https://git.example.com:8443/acme/app.git", False),
        (".", False),
    ],
)
def test_the_contexts_address_must_hold_no_password(context: str, found: bool) -> None:
    said = exposed(context=context)
    assert bool(said) is found
    assert not any("very-secret" in line or BODY in line for line in said)


def test_a_build_argument_that_is_meant_is_left_alone_and_no_other() -> None:
    flags = (("--build-arg", "TOKENIZER=fast"), ("--build-arg", "NPM_TOKEN=x"), ("--label", f"TOKENIZER={TOKENS[0]}"))
    found = exposed_credentials(".", flags, NOTHING, frozenset({"TOKENIZER"}))
    assert [(exposure.where, exposure.name) for exposure in found] == [
        ("--build-arg", "NPM_TOKEN"),
        ("--label", "TOKENIZER"),
    ]


def test_the_refusal_lists_all_of_them_and_says_what_to_do() -> None:
    flags = (("--build-arg", "NPM_TOKEN=very-secret"), ("--label", f"a={TOKENS[0]}"))
    with pytest.raises(CredentialExposed) as caught:
        refuse_credentials("https://u:very-secret@git.example.com/app.git", flags, NOTHING)
    text = str(caught.value)
    for part in ("the build context:", "--build-arg NPM_TOKEN:", "--label a:", "--secret id=", "--allow-build-arg"):
        assert part in text
    assert "very-secret" not in text
    assert BODY not in text
    assert caught.value.exit_code == 2


def test_a_clean_build_is_not_refused() -> None:
    refuse_credentials(".", (("--build-arg", "A=b"),), SECRETS)


def test_what_stood_after_the_dashes_is_looked_at_too() -> None:
    request = BuildRequest(
        ".", (parse_reference("a/b:1"),), (), ("--build-arg", "NPM_TOKEN=x", "--label=a=" + TOKENS[0])
    )
    assert exposed(*request.every_flag) == [
        "--build-arg NPM_TOKEN: a name that says credential",
        "--label a: a GitLab token",
    ]


@pytest.mark.parametrize("token", TOKENS)
def test_every_shape_is_found_in_a_published_text_and_in_a_dockerfile_inside_it(token: str) -> None:
    text = json.dumps({"predicate": {"args": {"build-arg:A": token}}})
    dockerfile = base64.b64encode(f"FROM scratch\nENV A={token}\n# and a comment\n".encode()).decode()
    (found,) = credentials_in(text, NOTHING)
    (inside,) = credentials_in(json.dumps({"data": dockerfile}), NOTHING)
    assert found.kind == inside.kind
    assert inside.where == "an embedded file"
    assert token not in repr((found, inside))


@pytest.mark.parametrize(
    "text",
    [
        "https://xxxxx:xxxxx@git.example.com/acme/app.git",  # as BuildKit masks
        "https://user:****@git.example.com",
        "https://user:[MASKED]@git.example.com",
        "https://$USER:${TOKEN}@git.example.com",
        "https://user:{token}@git.example.com",
        "docker-image://alpine:3@sha256:abc",
        "http://registry.example.com:5000/@scope/name",
        "git@git.example.com:acme/app.git",
        "glpat-" + "x" * 20,
        "ghp_" + "*" * 36,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "pypi-some-package-with-a-rather-long-name",
        "npm_config_registry_and_other_long_names_of_options",
        "0AKIAABCDEFGHIJ234567",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "eyJhbGciOiJSUzI1NiJ9",
        "a" * 64,
    ],
)
def test_what_only_looks_like_a_secret_is_not_one(text: str) -> None:
    assert credentials_in(f'{{"a": "{text}"}}', SECRETS) == ()


def test_an_address_is_named_by_its_host_and_never_by_its_password() -> None:
    (found,) = credentials_in('{"uri": "https://u:p@ss:word@git.example.com:8443/app"}', NOTHING)
    assert found == Exposure("git.example.com:8443", "a password in an address", "character 14")


@pytest.mark.parametrize(
    "written",
    [
        "64_hunter2&<hunter2>",
        "64_hunter2\\u0026\\u003chunter2\\u003e",  # Go's JSON
        "64_hunter2%26%3Chunter2%3E",
    ],
)
def test_a_secret_variables_value_is_found_however_it_is_written(written: str) -> None:
    (found,) = credentials_in(f'{{"a": "{written}"}}', SECRETS)
    assert (found.name, found.kind) == ("CI_JOB_TOKEN", "the value of a secret variable")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHORT_TOKEN", "1234567"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://actions.example.com"),
        ("CI_PROJECT_NAME", "application"),
        ("EMPTY_TOKEN", "         "),
    ],
)
def test_variables_that_hold_no_secret_are_not_searched_for(name: str, value: str) -> None:
    assert credentials_in(f'{{"a": "{value} {value}"}}', {name: value}) == ()


def test_values_that_are_no_text_do_no_harm() -> None:
    assert credentials_in("{}", {"ODD_TOKEN": "\udcff" * 8}) == ()


@pytest.mark.parametrize(
    "unit",
    ["://", "://a:", "://a:@", "eyJ", "eyJaaaaa.", "glpat-", "ghp_a", "-----BEGIN A ", "AKIA", "A", "QUJD" * 16 + " "],
)
def test_hostile_texts_take_time_in_proportion(unit: str) -> None:
    # Two megabytes; the quadratic version of this took minutes.
    text = unit * (2_000_000 // len(unit))
    begun = time.monotonic()
    credentials_in(text, SECRETS)
    assert time.monotonic() - begun < 10


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    credentials_in(text, {"A_TOKEN": text})
    exposed_credentials(text, (("--build-arg", text), ("--label", text)), {"A_TOKEN": text})
