"""A policy in words: everything that it demands, in the order in which people ask, and what it does not demand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from attest.policy.language.explaining import explain
from attest.policy.language.reading import read_policy
from tests.unit.policy.language.policies import (
    EXAMPLES,
    HEAD,
    IDENTITY,
    KEY,
    STRICT,
    as_toml,
    in_one_line,
    without_each_key,
)

NEEDED = (".key", ".identity", ".issuer", ".verifier", ".name", ".digest")


def explained(file: Path, text: str) -> str:
    file.write_text(text)
    return explain(read_policy(str(file)))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_no_line_is_longer_than_a_terminal_is_wide(path: Path) -> None:
    lines = explain(read_policy(str(path))).split("\n")

    assert [line for line in lines if len(line) > 100 and " " in line.strip(" -")] == []


def test_every_key_is_explained(tmp_path: Path) -> None:
    """Whatever is left out, the words are others; that an SBOM is required, its format says as well."""
    file = tmp_path / "policy.toml"
    document = in_one_line(tomllib.loads(STRICT.read_text()))
    whole = explained(file, as_toml(document))

    same = [
        name
        for name, smaller in without_each_key(document)
        if name != "schema" and not name.endswith(NEEDED) and explained(file, as_toml(smaller)) == whole
    ]

    assert same == ["sbom.required"]


def test_every_name_of_a_policy_is_in_the_words() -> None:
    names = re.findall(r'"((?:https|registry|docker\.io|hashivault)[^"]*)"|\'(/[^\']+/)\'', STRICT.read_text())
    words = one_line(explain(read_policy(str(STRICT))))

    assert len(names) > 15
    assert [name for pair in names if (name := "".join(pair)) not in words] == []


def test_the_order_is_that_of_the_questions() -> None:
    words = explain(read_policy(str(STRICT)))
    subjects = [
        "It speaks for the image",
        "It believes nobody but:",
        "The source:",
        "The build:",
        "The images that it is built from:",
        "The SBOM:",
        "The age:",
        "Verification summaries",
        "No policy shows",
    ]

    assert [words.index(subject) for subject in subjects] == sorted(words.index(subject) for subject in subjects)


def test_what_is_not_demanded_is_said_last(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"

    empty = one_line(explained(file, HEAD))
    strict = one_line(explain(read_policy(str(STRICT))))

    assert "It speaks for every image." in empty
    assert "It believes nobody: the command line must say whom to believe." in empty
    last = empty.partition("It does not demand ")[2]
    for missing in ("a repository", "a tag or branch", "an old image under a new tag passes", "any age", "an SBOM"):
        assert missing in last
    assert "It does not demand" not in strict
    assert empty.endswith("that nobody put something into the build's cache.")


@pytest.mark.parametrize(
    ("age", "words"), [("1w", "1 week ago"), ("90d", "90 days ago"), ("36h", "36 hours ago"), ("90s", "90 seconds ago")]
)
def test_ages_are_said_as_people_say_them(tmp_path: Path, age: str, words: str) -> None:
    assert words in explained(tmp_path / "policy.toml", f'{HEAD}[build]\nmax_age = "{age}"')


def test_closed_parameters_leave_those_that_are_named(tmp_path: Path) -> None:
    file, closed = tmp_path / "policy.toml", f"{HEAD}[parameters]\nclosed = true\n"

    assert "  - No parameter may be given" in explained(file, closed)
    named = explained(file, f'{closed}[parameters.allowed]\ntarget = ["x"]\n')
    assert "  - target, if given, must be x.\n  - No other parameter may be given" in named


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[source]\ntags = ["/.*/"]', "It must be built from any tag."),
        ('[source]\nbranches = ["/.+/"]', "It must be built from any branch."),
        ('[source]\ntags = ["v1", "/v2.*/"]', "It must be built from a tag, v1 or one that matches /v2.*/."),
        ('[source]\nrepository = "/.*/"', "The repository must be known, and may be any."),
        ('images = ["/.*/"]', "It speaks for every image."),
        ('[build]\nbuilders = ["/.*/"]', "Its builder must be known, and may be any."),
        ('[parameters.allowed]\ntarget = ["/.*/"]', "target may have any value."),
        ("[sbom]\nrequired = true\ncomponents = true", "must have signed one, which lists components."),
        (
            '[sbom]\nrequired = true\nformats = ["spdx"]\ncomponents = true',
            "signed one in spdx, which lists components.",
        ),
    ],
)
def test_what_anything_satisfies_is_said_so(tmp_path: Path, text: str, said: str) -> None:
    words = one_line(explained(tmp_path / "policy.toml", HEAD + text))

    assert said in words
    assert "matches /.*/" not in words


def test_certificates_are_spoken_of_where_an_identity_is_believed(tmp_path: Path) -> None:
    file, source = tmp_path / "policy.toml", f"{HEAD}[source]\ncommit_required = true\n"

    assert "Beside a certificate" in explained(file, source + IDENTITY)
    for text in (source, source + KEY):
        assert "Beside a certificate" not in explained(file, text)
