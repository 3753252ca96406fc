"""What is wrong with a policy that can be read: each is found, with its line, and nothing is said of a sound one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from attest.policy.language.advice import Advice, advise
from attest.policy.language.reading import read_policy
from tests.cli.layouts import write_key_pair
from tests.unit.policy.language.policies import EXAMPLES, HEAD

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
KEY: Final = '[[trust.keys]]\nkey = "a.pub"\n'
SOURCE: Final = '[source]\nrepository = "https://gitlab.com/acme/app"\ntags = ["v1"]\n'
ISSUER: Final = 'issuer = "https://gitlab.com"\n'
IDENTITY: Final = (
    f'[[trust.identities]]\nidentity = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"\n{ISSUER}'
)
ELSEWHERE: Final = '[[trust.identities]]\nidentity = "me@id.test"\nissuer = "https://id.test"\n'
LOOKS_LIKE: Final = "looks like an expression, which stands between slashes"
SUMMARIES: Final = '[[summaries]]\nverifier = "https://gate.example.com"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the keys of every policy here lie."""
    for name in ("a", "b"):
        write_key_pair(tmp_path / name)
    (tmp_path / "same.pub").write_bytes((tmp_path / "a.pub").read_bytes())
    return tmp_path


def advice(folder: Path, text: str) -> Advice:
    file = folder / "policy.toml"
    file.write_text(HEAD + text)
    return advise(read_policy(str(file)), {}, NOW)


def expression(text: str, issuer: str = "https://gitlab.com") -> str:
    return f"{SOURCE}[[trust.identities]]\nidentity = '/{text}/'\nissuer = \"{issuer}\"\n"


@pytest.mark.parametrize(
    "text",
    [
        SOURCE + KEY,
        SOURCE + IDENTITY,
        f'image_tag = "{{source_tag}}"\n{SOURCE}{KEY}',
        f'{SOURCE}vouchers = ["builder"]\n{KEY}isolated = true',
        f'{SOURCE}vouchers = ["certificate"]\n{IDENTITY}',
        f"{SOURCE}{KEY}level = 3\n[build]\nlevel = 3",
        f'{SOURCE}[[trust.keys]]\nkey = "b.pub"\n[trust]\ndenied_keys = ["a.pub"]',
        f'{SOURCE}{KEY}{SUMMARIES}[[summaries.keys]]\nkey = "b.pub"',
        f"{SOURCE}{KEY}not_before = 2026-01-01T00:00:00Z\nnot_after = 2027-01-01T00:00:00Z",
        f'{SOURCE}{KEY}[sbom]\nrequired = true\nformats = ["spdx"]',
        f'{SOURCE}{KEY}[parameters.allowed]\n"build-arg:VERSION" = ["1"]\ntarget = ["x"]\n"secret:a" = [""]',
        f'{SOURCE}{KEY}[build]\ntypes = ["https://example.com/make@v1"]\n[parameters.allowed]\nVERSION = ["1"]',
        f'{SOURCE}{KEY}builders = ["https://b.example"]\n[build]\nbuilders = ["https://b.example@refs/tags/v1"]',
        expression(r"https://gitlab\.com/acme/app//\.gitlab-ci\.yml@refs/tags/.*"),
        expression(r"^https://gitlab\.com/acme/(app|web)//\.gitlab-ci\.yml@refs/(heads/main|tags/v\d+\.\d+)$"),
        expression(r"https://gitlab\.com/acme/[a-z-]+//\.gitlab-ci\.yml@.*"),
        expression(r"https://github\.com/acme/.*", "https://token.actions.githubusercontent.com"),
        expression(r"[a-z]+@acme\.example", "https://accounts.google.com"),
        SOURCE.replace('"https://gitlab.com/acme/app"', r"'/https://gitlab\.com/acme/.*/'") + KEY,
        SOURCE.replace('"https://gitlab.com/acme/app"', r"'/(git|https)://gitlab\.com/acme/app/'") + KEY,
        SOURCE.replace('"https://gitlab.com/acme/app"', r"'/.*\.com/acme/app/'") + KEY,
        SOURCE + ELSEWHERE,
    ],
)
def test_a_sound_policy_is_left_alone(folder: Path, text: str) -> None:
    assert advice(folder, text) == Advice((), ())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_no_example_has_an_error(path: Path) -> None:
    assert advise(read_policy(str(path)), {}, NOW).errors == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            f'image_tag = "{{source_tag}}"\n{SOURCE.replace("tags", "branches")}{KEY}',
            2,
            "image_tag: asks for the sourc",
        ),
        (f'{SOURCE}vouchers = ["builder"]\n{KEY}', 5, "only builder counts, and no root of trust is isolated"),
        (f'{SOURCE}vouchers = ["certificate"]\n{KEY}', 5, "only certificate counts, and no identity is believed"),
        (f'{SOURCE}vouchers = ["certificate", "builder"]\n{KEY}', 5, "only certificate or builder counts"),
        (f'{SOURCE}vouchers = ["signer"]\ncertificate_alone = true\n{IDENTITY}', 6, "a certificate does not count"),
        (f"{SOURCE}{KEY}level = 2\n[build]\nlevel = 3", 9, "3, and no root of trust is believed beyond 2"),
        (
            f'{SOURCE}{KEY}builders = ["https://b.example"]\n[build]\nbuilders = ["https://c.example"]',
            9,
            "no root of tr",
        ),
        (f'{SOURCE}{KEY}[trust]\ndenied_keys = ["same.pub"]', 6, "believed, and denied in trust.denied_keys (sha256:"),
        (f'{SOURCE}{KEY}{SUMMARIES}[[summaries.keys]]\nkey = "same.pub"', 10, "who signs images must not sign summari"),
        (
            f"{SOURCE}{IDENTITY}{SUMMARIES}{IDENTITY.replace('trust', 'summaries')}",
            11,
            "who signs images must not sign",
        ),
        (f'{SOURCE}[[trust.keys]]\nkey = "a.key"', 6, "a private key, where the public key is needed"),
        (f'{SOURCE}[[trust.keys]]\nkey = "policy.toml"', 6, "Expected -----BEGIN PUBLIC KEY-----"),
        (f'{SOURCE}{KEY}[trust]\ndenied_keys = ["policy.toml"]', 8, "trust.denied_keys[0]: "),
        (expression(".*"), 6, "matches everybody's pipelines, and https://gitlab.com is open to everybody"),
        (expression(".+"), 6, "matches everybody"),
        (expression(r"https://gitlab\.com/.*/app//\.gitlab-ci\.yml@refs/tags/.*"), 6, "matches everybody's pipelines"),
        (expression(r"https://gitlab\.com/[^/]+/app//\.gitlab-ci\.yml@refs/tags/v1"), 6, "matches everybody's pipelin"),
        (expression(".*", "https://token.actions.githubusercontent.com"), 6, "matches everybody's pipelines"),
        (expression(".*@.*", "https://accounts.google.com"), 6, "matches everybody's pipelines"),
        (
            f"{SOURCE}{IDENTITY}".replace('gitlab.com"\n', 'gitlab.com/"\n'),
            7,
            "can never match: certificates say https://g",
        ),
        (f"{SOURCE}{IDENTITY}".replace('"https://gitlab.com"\n', '"http://gitlab.com"\n'), 7, "can never match"),
    ],
)
def test_what_nothing_can_pass_or_everybody_is_an_error(folder: Path, text: str, line: int, said: str) -> None:
    errors = advice(folder, text).errors

    assert [(remark.line, said in remark.message) for remark in errors] == [(line, True)], errors


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (KEY, 0, "asks for nothing"),
        (SOURCE, 0, "believes nobody"),
        (f'[source]\ntags = ["v1"]\n{KEY}', 0, "source.repository is missing"),
        (f"{SOURCE}certificate_alone = true\n{KEY}", 5, "without trust.identities there is no certificate"),
        (f'image_tag = "{{source_tag}}"\n{SOURCE}branches = ["x"]\n{KEY}', 2, "built from a branch cannot pass"),
        (f'{SOURCE}{KEY}[trust]\ntrusted_root = "a.pub"', 8, "without identities there are no certificates"),
        (f'{SOURCE}{KEY}[parameters.allowed]\nVERSION = ["1"]', 8, 'a build argument is called "build-arg:VERSION"'),
        (f"{SOURCE}{KEY}not_after = 2026-01-01T00:00:00Z", 7, "is past: only what was signed before it is believed"),
        (f"{SOURCE}{KEY}not_before = 2027-01-01T00:00:00Z", 7, "is still to come"),
        (
            f'{SOURCE}{KEY}not_after = 2026-01-01T00:00:00Z\n[build]\nmax_age = "30d"',
            7,
            "older than build.max_age allows",
        ),
        (f'{SOURCE}[[trust.keys]]\nkey = "absent.pub"', 6, "absent.pub is not there"),
        (f'{SOURCE}[[trust.keys]]\nkey = "env://ABSENT"', 6, "env://ABSENT is not there"),
        (f'{SOURCE}{IDENTITY}[trust]\ntrusted_root = "absent.json"', 9, "absent.json is not there"),
        (f"{SOURCE}{IDENTITY}".replace("heads/main", "tags/*"), 6, LOOKS_LIKE),
        (f"{SOURCE}{IDENTITY}".replace("@refs/heads/main", ""), 6, "names no ref"),
        (SOURCE.replace('"https://gitlab.com/acme/app"', r"'https://gitlab\.com/acme/app'") + KEY, 3, LOOKS_LIKE),
        (SOURCE.replace("acme/app", "acme/.*") + KEY, 3, LOOKS_LIKE),
        (
            SOURCE.replace('"https://gitlab.com/acme/app"', r"'/gitlab\.com/acme/.*/'") + KEY,
            3,
            "begin it with https://",
        ),
        (SOURCE.replace('"https://gitlab.com/acme/app"', r"'/git@gitlab\.com:.*/'") + KEY, 3, "begin it with https://"),
        (
            f"{SOURCE}{KEY}[build]\nbuilders = ['https://b.example/1', 'https://b\\.example/.*']",
            8,
            "builders[1]: looks l",
        ),
        (f"{SOURCE}{KEY}[build]\ntypes = ['https://b.example/.*']", 8, f"types[0]: {LOOKS_LIKE}"),
        (f"{SOURCE}{ELSEWHERE}".replace('test"', 'test/"'), 7, "issuer: ends in a slash"),
        (f"{SOURCE}{ELSEWHERE}".replace('"https://id.test"', '"http://id.test"'), 7, "issuer: begins without https://"),
        (expression(r"https://gitlab\.com/acme.*"), 6, "matches https://gitlab.com/acme-evil"),
        (
            expression(r"https://gitlab\.com/acme.*//\.gitlab-ci\.yml@refs/tags/v\d+"),
            6,
            "matches https://gitlab.com/acme-e",
        ),
        (
            expression(r"https://gitlab\.com/acme-[a-z]+/app//\.gitlab-ci\.yml@refs/tags/v1"),
            6,
            "gitlab.com/acme-evil/app",
        ),
        (
            expression(r"https://gitlab.com/acme/app//\.gitlab-ci\.yml@refs/tags/v1"),
            6,
            "a dot in gitlab.com that stands",
        ),
        (expression(r".*/acme/app//\.gitlab-ci\.yml@refs/tags/v1"), 6, "does not name the host gitlab.com"),
        (expression(r"https://[^/]+/acme/app//\.gitlab-ci\.yml@refs/tags/v1"), 6, "does not name the host gitlab.com"),
        (expression(".*", "https://gitlab.example.com"), 6, "matches everybody's pipelines"),
        (
            expression(
                r"https://[^/]+/acme/app/\.github/workflows/x\.yml@refs/tags/v1",
                "https://token.actions.githubusercontent.com",
            ),
            6,
            "does not name the host github.com",
        ),
    ],
)
def test_what_is_probably_meant_otherwise_is_a_warning(folder: Path, text: str, line: int, said: str) -> None:
    found = advice(folder, text)

    assert found.errors == ()
    assert [(remark.line, said in remark.message) for remark in found.warnings] == [(line, True)], found.warnings


@pytest.mark.parametrize(
    "identity",
    [
        r"https://gitlab\.com/acme/app//\.gitlab-ci\.yml@.*",
        r"https://gitlab\.com/acme/app//\.gitlab-ci\.yml@refs/.+",
        r"https://gitlab\.com/acme/.*",
    ],
)
def test_every_ref_of_a_project_is_a_warning_unless_the_source_names_some(folder: Path, identity: str) -> None:
    named = expression(identity)
    anything = named.replace('tags = ["v1"]\n', "")
    assert advice(folder, named) == Advice((), ())

    (warning,) = advice(folder, anything).warnings

    assert warning.line == 5
    assert "matches every branch and merge request" in warning.message


def test_what_is_wrong_is_said_in_the_order_of_the_lines(folder: Path) -> None:
    text = f'{SOURCE}{KEY}not_after = 2026-01-01T00:00:00Z\n[[trust.keys]]\nkey = "absent"'

    assert [remark.line for remark in advice(folder, text).warnings] == [7, 9]


def test_what_an_expression_is_said_to_match_it_does_match(folder: Path) -> None:
    (warning,) = advice(folder, expression(r"https://gitlab\.com/acme.*/app//\.gitlab-ci\.yml@refs/tags/v.*")).warnings
    (root,) = read_policy(str(folder / "policy.toml")).trust.identities

    said = warning.message.partition("matches ")[2].partition(" too")[0]

    assert said.startswith("https://gitlab.com/acme-evil")
    assert root.accepts(said, "https://gitlab.com")


def test_what_is_said_of_an_identity_has_the_line_of_its_identity(folder: Path) -> None:
    text = SOURCE + f"[[trust.identities]]\n# ours\n{ISSUER}identity = '/https://gitlab\\.com/acme.*/'\n"

    assert {remark.line for remark in advice(folder, text).warnings} == {8}


def test_an_error_of_several_sentences_is_told_in_sentences(folder: Path) -> None:
    (error,) = advice(folder, f'{SOURCE}[[trust.keys]]\nkey = "a.key"').errors

    assert error.message.endswith("a private key, where the public key is needed. Give the .pub file of the pair")
