"""Who pins a policy pins all that it names: an exchanged file is an error, and so is one that nobody pinned."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from attest.errors import UsageError
from attest.policy.language.advice import advise
from attest.policy.language.explaining import explain
from attest.policy.language.reading import read_policy
from attest.policy.policy import Policy
from attest.policy.roots import denied_fingerprint, load_root
from attest.reference import Digest
from attest.trust.keys import load_public_key
from tests.cli.layouts import write_key_pair
from tests.unit.policy.language.policies import HEAD, SUMMARIES

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
PINNED_ALREADY: Final = f"sha256:{'a' * 64}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mine", "evil"):
        write_key_pair(tmp_path / name)
    return tmp_path


def digest(folder: Path, name: str) -> Digest:
    return Digest.of((folder / name).read_bytes())


def read(folder: Path, text: str, *, pinned: bool = True) -> Policy:
    (folder / "policy.toml").write_text(HEAD + text)
    return read_policy(
        f"{folder / 'policy.toml'}@{digest(folder, 'policy.toml')}" if pinned else f"{folder}/policy.toml"
    )


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(folder, text)
    return caught.value.detail.replace(f"{folder}/", "").split("\n")


def test_a_pinned_key_is_that_one_or_none(folder: Path) -> None:
    pin = digest(folder, "mine.pub")
    policy = read(folder, f'[[trust.keys]]\nkey = "mine.pub@{pin}"\n[trust]\ndenied_keys = ["mine.pub@{pin}"]')
    (root,), (denied,) = policy.trust.keys, policy.trust.denied_keys
    mine = load_public_key(str(folder / "mine.pub"), {})
    assert (load_root(root, {}).fingerprint, denied_fingerprint(denied, {})) == (mine.fingerprint, mine.fingerprint)
    assert load_root(root, {}).name == str(folder / "mine.pub")

    (folder / "evil.pub").replace(folder / "mine.pub")

    for load in (lambda: load_root(root, {}), lambda: denied_fingerprint(denied, {})):
        with pytest.raises(UsageError, match="not the key that was pinned") as caught:
            load()
        assert caught.value.detail == f"Expected {pin}, found {digest(folder, 'mine.pub')}."


@pytest.mark.parametrize("name", ["key", "trusted_root", "denied_keys"])
def test_what_was_exchanged_is_an_error_of_the_policy(folder: Path, name: str) -> None:
    """Whether or not the policy is pinned itself; without the pin there is nothing to see."""
    lines = {"key": '[[trust.keys]]\nkey = "{}"', "trusted_root": '[trust]\ntrusted_root = "{}"'}
    text = lines.get(name, '[trust]\ndenied_keys = ["{}"]')
    wrong = f"mine.pub@{digest(folder, 'evil.pub')}"
    for right in ("mine.pub", f"mine.pub@{digest(folder, 'mine.pub')}"):
        assert advise(read(folder, text.format(right), pinned=False), {}, NOW).errors == ()

    (error,) = advise(read(folder, text.format(wrong), pinned=False), {}, NOW).errors

    assert error.line == 3
    assert f"Expected {digest(folder, 'evil.pub')}, found {digest(folder, 'mine.pub')}" in error.message


def test_each_file_that_a_pinned_policy_leaves_open_is_told_with_what_to_write(folder: Path) -> None:
    text = (
        '[trust]\ntrusted_root = "evil.pub"\ndenied_keys = ["mine.pub", "sha256:' + "0" * 64 + '"]\n'
        '[[trust.keys]]\nkey = "mine.pub"\n[[trust.keys]]\nkey = "env://KEY"\n[[trust.keys]]\nkey = "absent.pub"\n'
        f'{SUMMARIES}[[summaries.keys]]\nkey = "{folder}/../{folder.name}/mine.pub"\n'
    )
    read(folder, text, pinned=False)
    mine, evil = digest(folder, "mine.pub"), digest(folder, "evil.pub")

    assert refusal(folder, text) == [
        f'policy.toml:3: trust.trusted_root: a pinned policy pins evil.pub too; write "evil.pub@{evil}"',
        f'policy.toml:4: trust.denied_keys[0]: a pinned policy pins mine.pub too; write "mine.pub@{mine}"',
        f'policy.toml:6: trust.keys[0].key: a pinned policy pins mine.pub too; write "mine.pub@{mine}"',
        "policy.toml:8: trust.keys[1].key: whoever sets the variable KEY chooses the key, pinned or not; "
        "write the key itself (-----BEGIN PUBLIC KEY-----…) or FILE@sha256:…",
        "policy.toml:10: trust.keys[2].key: a pinned policy pins absent.pub too, which cannot be: "
        "absent.pub: cannot read the key: No such file or directory",
        f"policy.toml:14: summaries[0].keys[0].key: a pinned policy pins ../{folder.name}/mine.pub too; "
        f'write "../{folder.name}/mine.pub@{mine}"',
    ]


def test_what_is_to_be_written_will_do(folder: Path) -> None:
    (folder / "keys").mkdir()
    (folder / "mine.pub").rename(folder / "keys" / 'a "key".pub')
    text = "[[trust.keys]]\nkey = 'keys/a \"key\".pub'\n"

    (told,) = refusal(folder, text)

    read(folder, text.replace("'keys/a \"key\".pub'", told.partition("; write ")[2]))


def test_what_is_pinned_a_pinned_policy_may_name(folder: Path) -> None:
    assert len(read(folder, f'[[trust.keys]]\nkey = "mine.pub@{PINNED_ALREADY}"').trust.keys) == 1


@pytest.mark.parametrize("name", ["hashivault://release", "awskms:///alias/release"])
def test_whoever_sets_a_services_address_does_not_choose_the_key_of_a_pinned_policy(folder: Path, name: str) -> None:
    (told,) = refusal(folder, f'[[trust.keys]]\nkey = "{name}"')
    assert f"chooses who answers at {name}" in told


def test_a_policy_may_hold_the_key_itself_and_reports_call_it_by_its_line(folder: Path) -> None:
    pem = (folder / "mine.pub").read_text()
    policy = read(folder, f'[[trust.keys]]\nkey = """\n{pem}"""\n[source]\nrepository = "https://gitlab.com/a/b"')
    (root,) = policy.trust.keys

    key = load_root(root, {})

    assert key.fingerprint == load_public_key(str(folder / "mine.pub"), {}).fingerprint
    assert key.name == root.name == f"{folder / 'policy.toml'}:2"
    assert "BEGIN" not in explain(policy)
    assert f"written in {root.name}" in " ".join(explain(policy).split())
    assert advise(policy, {}, NOW).errors == ()


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "not a public key in PEM"),
        ("{private}", "a private key, where the public key is needed"),
    ],
)
def test_a_key_in_a_policy_that_is_none_is_an_error_with_its_line(folder: Path, pem: str, said: str) -> None:
    text = f'[[trust.keys]]\nkey = """{pem.format(private=(folder / "mine.key").read_text())}"""'

    (error,) = advise(read(folder, text), {}, NOW).errors

    assert (error.line, said in error.message) == (3, True)
    assert "MIG" not in error.message


def test_a_key_that_a_policy_holds_is_denied_and_shared_as_a_file_is(folder: Path) -> None:
    key = f'key = """{(folder / "mine.pub").read_text()}"""\n'
    denied = f'[trust]\ndenied_keys = ["mine.pub"]\n[[trust.keys]]\n{key}'
    shared = f'[[trust.keys]]\nkey = "mine.pub"\n{SUMMARIES}[[summaries.keys]]\n{key}'

    for text, said in ((denied, "believed, and denied"), (shared, "who signs images must not sign summaries")):
        (error,) = advise(read(folder, text, pinned=False), {}, NOW).errors
        assert said in error.message
