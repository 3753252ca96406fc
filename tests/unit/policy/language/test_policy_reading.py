"""A policy file is read to the last key, and everything that is wrong with one is said at once, with its line."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attest.errors import UsageError
from attest.policy.language.reading import read_policy
from attest.policy.policy import Policy
from attest.policy.report import VERIFIER_ID
from attest.reference import Digest
from tests.unit.policy.language.policies import (
    DIGEST,
    EXAMPLES,
    HEAD,
    IDENTITY,
    RIGHT,
    ROOT,
    STRICT,
    WRONG,
    WRONG_IN_SUBSTANCE,
    as_toml,
    in_one_line,
    without_each_key,
)

NEEDED = ("schema", ".key", ".identity", ".issuer", ".verifier", ".name", ".digest")
ALL_WRONG = {**WRONG, **WRONG_IN_SUBSTANCE}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def read(file: Path, text: str) -> Policy:
    file.write_text(text)
    return read_policy(str(file))


def refusal(file: Path, content: bytes | str) -> str:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_policy(str(file))
    assert caught.value.exit_code == 2
    return str(caught.value)


# --- What is right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_a_policy_that_is_right_is_read(file: Path, text: str) -> None:
    read(file, HEAD + text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_read(path: Path) -> None:
    assert read_policy(str(path)).images


def test_every_value_arrives_where_it_belongs() -> None:
    policy = read_policy(str(STRICT))
    (key,), (identity,), (summary,) = policy.trust.keys, policy.trust.identities, policy.summaries

    assert [image.text for image in policy.images] == [
        "registry.example.com/acme/app",
        "/registry\\.example\\.com/acme/tools/[a-z-]+/",
    ]
    assert (policy.image_tag, policy.signature_required) == ("{source_tag}", True)
    assert policy.digest == Digest.of(STRICT.read_bytes())
    assert policy.trust.trusted_root == str(STRICT.parent / "trusted_root.json")
    assert policy.trust.denied_keys[1] == str(STRICT.parent / "lost.pub")
    assert (key.key, key.scope.level, key.scope.is_isolated) == ("hashivault://release", 2, True)
    assert key.scope.builders == ("https://builds.example.com/buildkit",)
    assert (key.scope.not_before, key.scope.not_after) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2036, 1, 1, tzinfo=UTC),
    )
    assert identity.is_pattern
    assert identity.accepts("https://gitlab.example.com/acme/app//.gitlab-ci.yml@refs/tags/v1", identity.issuer)
    assert (policy.source.commit_required, policy.source.clean) == (True, True)
    assert policy.source.vouchers == ("certificate", "builder")
    assert policy.source.accepted[0].name == "context:base"
    assert (policy.build.hermetic, policy.build.complete, policy.build.level) == (True, True, 2)
    assert policy.build.max_age == timedelta(days=90)
    assert policy.parameters.closed
    assert policy.parameters.allowed["no-cache"] == ()
    assert policy.parameters.allowed["build-arg:VERSION"][0].matches("v1.2")
    assert (policy.base_images.pinned, policy.sbom.required, policy.sbom.components) == (True, True, True)
    assert policy.sbom.formats == ("cyclonedx", "spdx")
    assert (summary.verifier, summary.max_age) == (VERIFIER_ID, timedelta(days=7))
    assert (summary.keys[0].key, summary.identities[0].is_pattern) == (str(STRICT.parent / "gate.pub"), False)


def test_what_is_not_mentioned_asks_for_nothing_and_believes_nobody(file: Path) -> None:
    policy = read(file, HEAD)

    assert policy == Policy(policy.uri, policy.digest, policy.lines)


def values(policy: Policy) -> str:
    """Everything that it says, without where it says it."""
    return repr([getattr(policy, each.name) for each in dataclasses.fields(policy)[3:]]).replace(policy.uri, "")


def test_every_key_makes_a_difference_of_its_own(file: Path) -> None:
    document = in_one_line(tomllib.loads(STRICT.read_text()))
    seen = {"": values(read(file, as_toml(document)))}
    for name, smaller in without_each_key(document):
        if not name.endswith(NEEDED):
            seen[name] = values(read(file, as_toml(smaller)))

    assert len(seen) > 50
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize("needed", NEEDED)
def test_without_some_keys_it_is_no_policy(file: Path, needed: str) -> None:
    document = in_one_line(tomllib.loads(STRICT.read_text()))
    without = [(name, smaller) for name, smaller in without_each_key(document) if name.endswith(needed)]

    assert without
    for name, smaller in without:
        assert f"{name.rpartition('.')[2]}: missing" in refusal(file, as_toml(smaller)), name


def test_every_origin_names_file_and_line(file: Path) -> None:
    policy = read(
        file, HEAD + '\n[source]\ntags = ["v1"]\n\n[[trust.keys]]\nkey = "a.pub"\n[[trust.keys]]\nkey = "b.pub"'
    )

    assert policy.origin("source.tags") == f"{file}:4"
    assert [root.scope.origin for root in policy.trust.keys] == [f"{file}:6", f"{file}:8"]
    assert policy.origin("build.level") == str(file)


def test_files_lie_beside_the_policy_and_addresses_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()
    monkeypatch.chdir(tmp_path)
    names = ["a.pub", "keys/a.pub", "/etc/a.pub", "env://A", "awskms:///alias/a"]
    roots = "".join(f'[[trust.keys]]\nkey = "{name}"\n' for name in names)

    policy = read(Path("policies/policy.toml"), HEAD + roots)

    expected = ["policies/a.pub", "policies/keys/a.pub", "/etc/a.pub", "env://A", "awskms:///alias/a"]
    assert [root.key for root in policy.trust.keys] == expected


# --- What is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "line", "said"), ALL_WRONG.values(), ids=ALL_WRONG)
def test_what_is_wrong_is_said_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    lines = refusal(file, HEAD + text).split("\n")

    told = [told for told in lines[1:] if said in told]
    assert lines[0].startswith(f"{file}: not a usable policy: ")
    assert told, lines
    assert told[0].startswith(f"{file}:{line}: ")


def test_everything_that_is_wrong_is_said_at_once_and_in_order(file: Path) -> None:
    text = "\n".join(text for text, *_ in (WRONG["no images"], WRONG["a short digest"], WRONG["no tags"]))

    lines = refusal(file, HEAD + text).split("\n")

    assert lines[0].endswith(": 3 errors")
    assert [line.split(": ")[0] for line in lines[1:4]] == [f"{file}:2", f"{file}:3", f"{file}:5"]


def test_hundreds_of_errors_are_counted_and_not_all_shown(file: Path) -> None:
    lines = refusal(file, HEAD + "".join(f"k{number} = 1\n" for number in range(500))).split("\n")

    assert lines[0].endswith(": 500 errors")
    assert lines[21] == "and 480 more"
    assert len(lines) == 23


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "schema: missing"),
        ('schema = "policy.v2"', "schema: expected \"policy.v1\", found 'policy.v2'"),
        ("schema = 1", "schema: expected a text in quotes, found 1"),
    ],
)
def test_a_policy_says_which_language_it_is_in(file: Path, text: str, said: str) -> None:
    assert f"{file}:1: {said}" in refusal(file, text)


# --- What is hostile --------------------------------------------------------------------------------------------------

HOSTILE = {
    "10 MB": (b"#" * 10_000_000, "larger than 1024 KiB"),
    "a duplicate key": (f"{HEAD}[source]\nclean = true\nclean = false\n", ":4: not TOML: Cannot overwrite a value"),
    "a duplicate table": (f"{HEAD}[source]\n[build]\n[source]\n", ":4: not TOML: Cannot declare ('source',) twice"),
    "no TOML": ("schema: policy.v1\n", ":1: not TOML: "),
    "JSON": ('{"schema": "policy.v1"}', ":1: not TOML: "),
    "a text without end": (f'{HEAD}images = ["x]\n', ":2: not TOML: "),
    "a list without end": (f"{HEAD}images = [\n\n", ":4: not TOML: "),
    "not UTF-8": (b'schema = "policy.v1"\n# \xff', ":2: not UTF-8: byte 0xff"),
    "UTF-16": (HEAD.encode("utf-16"), ":1: not UTF-8: byte 0xff"),
    "a null byte": (f"{HEAD}\0", ":2: not TOML: "),
    "an escape in a comment": (f"{HEAD}# \x1b[2J\n", ":2: not TOML: "),
    "lists in lists": (f"{HEAD}images = {'[' * 10_000}", "more than 16 deep"),
    "lists in lists that end": (f"{HEAD}images = {'[' * 100}{']' * 100}", "more than 16 deep"),
    "tables in tables": (f"{HEAD}source = {'{a=' * 4_000}", "more than 16 deep"),
    "a key of a thousand parts": (f"{HEAD}{'a.' * 1_000}b = 1", ":2: more than 100 dots in one line"),
    "many keys of many parts": (
        HEAD + "".join(f"k{number}{'.a' * 90} = 1\n" for number in range(4_000)),
        "more than 100,000 of the character .",
    ),
    "a hundred thousand keys": (
        HEAD + "".join(f"k{number} = 1\n" for number in range(90_000)),
        "more than 5,000 of the character =",
    ),
    "a hundred thousand items": (f"{HEAD}images = [{'1,' * 100_000}]", "more than 20,000 of the character ,"),
    "as many unknown keys as there may be": (
        HEAD + "".join(f"sourze{number} = 1\n" for number in range(4_990)),
        "4990 errors",
    ),
    "as many texts as there may be": (HEAD + "denied_digests = [" + "'x'," * 19_000 + "]", "19000 errors"),
    "a number of thousands of digits": (f"{HEAD}[build]\nlevel = {'1' * 5_000}", "not TOML: Exceeds the limit"),
    "a number of thousands of hexadecimal digits": (f"{HEAD}[build]\nlevel = 0x{'f' * 9_000}", "found a huge number"),
    "an expression that backtracks": (f"{HEAD}[source]\ntags = ['/(a+)+b(/']", "not an expression that RE2 takes"),
    "a thousand expressions": (
        HEAD + "[source]\ntags = [" + "'/\\pL{5}/'," * 1_000 + "]",
        "more than 200 expressions in one policy",
    ),
    "two hundred expressions that are too large": (
        HEAD + "[source]\ntags = [" + "'/\\pL{1000}/'," * 200 + "]",
        "200 errors",
    ),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_policy_is_one_clear_error(file: Path, content: bytes | str, said: str) -> None:
    told = refusal(file, content)

    assert said in told
    assert len(told) < 10_000


def test_an_expression_that_would_backtrack_for_ever_elsewhere_answers(file: Path) -> None:
    policy = read(file, HEAD + "[source]\ntags = ['/(a+)+b/']")

    assert not policy.source.tags[0].matches("a" * 5_000)
    assert policy.source.tags[0].matches("a" * 5_000 + "b")


# --- Files that cannot be read, and pins ------------------------------------------------------------------------------


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = {"absent.toml": "No such file or directory", ".": "not a regular file", "pipe": "not a regular file"}
    for name, why in said.items():
        with pytest.raises(UsageError, match=f"cannot read the policy: {why}"):
            read_policy(str(tmp_path / name))
    with pytest.raises(UsageError, match="no name of a file"):
        read_policy("a\0b")


def test_a_pinned_policy_is_read_only_if_it_is_that_one(file: Path) -> None:
    honest = f'{HEAD}[[trust.keys]]\nkey = "release.pub@{DIGEST}"\n'
    other = f"{honest}level = 3\n"
    pin = Digest.of(honest.encode())
    file.write_text(honest)
    policy = read_policy(f"{file}@{pin}")
    assert (policy.uri, policy.digest) == (str(file), pin)

    file.write_text(other)
    with pytest.raises(UsageError) as caught:
        read_policy(f"{file}@{pin}")

    assert caught.value.detail == f"Expected {pin}, found {Digest.of(other.encode())}."


@pytest.mark.parametrize("pin", ["sha256:abc", "sha256:", f"sha256:{'A' * 64}"])
def test_a_pin_that_is_none_pins_nothing_and_is_refused(file: Path, pin: str) -> None:
    file.write_text(HEAD)

    with pytest.raises(UsageError, match="not a pinned policy"):
        read_policy(f"{file}@{pin}")


@pytest.mark.parametrize("expression", ["\\pL{40}", "(\\pL{20}){2}"])
def test_an_expression_is_bounded_by_what_it_takes_and_not_by_where_it_stands(file: Path, expression: str) -> None:
    """Whatever the reader takes can be matched: its bound is that of everything that matches."""
    where = (f"[source]\ntags = ['/{expression}/']", IDENTITY.replace('"x@example.com"', f"'/{expression}/'"))
    for text in where:
        assert "too large: it takes more than 256 KiB" in refusal(file, HEAD + text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{file}@" + "a" * 64, f"A pin is @sha256:…, found @{'a' * 64}."),
        ("{file}@md5:abc", "A pin is @sha256:…, found @md5:abc."),
        ("{file}@", "Is a variable not set?"),
        ("https://me:secret@gitlab.com/acme/policy.toml", "a policy is a file, not an address"),
    ],
)
def test_what_looks_like_a_pin_and_is_none_is_never_a_file(file: Path, given: str, said: str) -> None:
    """Not even where such a file lies: whoever can put it there would choose the policy of a gate."""
    file.write_text(HEAD)
    read_policy(str(file))
    named = given.format(file=file)
    if named.startswith("/"):
        Path(named).write_text(HEAD)

    with pytest.raises(UsageError) as caught:
        read_policy(named)

    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_name_may_hold_an_at_sign(tmp_path: Path) -> None:
    assert read(tmp_path / "p@1.toml", HEAD).uri.endswith("p@1.toml")


# --- The documents ----------------------------------------------------------------------------------------------------


def blocks() -> list[str]:
    page = (ROOT / "docs" / "policy.md").read_text()
    return [block.split("```")[0] for block in page.split("```toml\n")[1:]]


@pytest.mark.parametrize("block", blocks())
def test_every_policy_in_the_documents_is_read(file: Path, block: str) -> None:
    read(file, block if "schema =" in block else HEAD + block)


def test_there_are_policies_in_the_documents() -> None:
    assert len(blocks()) > 8


def test_the_verifier_that_is_shown_is_the_one_that_attest_s_own_summaries_name() -> None:
    shown = re.findall(r'^verifier = "(.*)"', "\n".join([*blocks(), STRICT.read_text()]), re.MULTILINE)

    assert set(shown) == {VERIFIER_ID}
    assert f"attest's own say `{VERIFIER_ID}`" in (ROOT / "docs" / "policy.md").read_text()
