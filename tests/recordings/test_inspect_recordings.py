"""`attest inspect` shows of every recording what its command implies, as written down in expected.py."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tests.recordings.expected import RECORDINGS, WITHOUT_PROVENANCE, Recording
from tests.recordings.reading import ASSETS, Printed, attest, digest_of, inspect, layout

SPDX = "https://spdx.dev/Document"
ALL = [*(recording.name for recording in RECORDINGS), WITHOUT_PROVENANCE]
# What differs each time that the same thing is built.
OF_THIS_RUN = ("attestation", "invocation", "startedOn", "finishedOn", "dependencies")

each_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)


def test_every_recording_has_a_row_and_its_command() -> None:
    folders = sorted(path.parent.name for path in ASSETS.glob("*/layout"))
    commands = re.findall(r"^- ([\w.-]+): (?:.*)`", (ASSETS / "README.md").read_text(), re.MULTILINE)

    assert sorted(ALL) == folders
    assert sorted(commands) == folders


@each_recording
def test_inspect_shows_what_was_built(recording: Recording) -> None:
    shown = shown_of(recording.name)

    assert shown["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert [platform["platform"] for platform in shown["platforms"]] == list(recording.platforms)
    assert [nothing for nothing in ("attestations", "provenance", "signatures", "problems") if shown[nothing]] == []
    for platform in shown["platforms"]:
        assert platform["signatures"] == []
        assert [without(provenance, OF_THIS_RUN) for provenance in platform["provenance"]] == [provenance_of(recording)]


@each_recording
def test_inspect_finds_what_buildkit_embedded(recording: Recording) -> None:
    shown = shown_of(recording.name)

    for platform in shown["platforms"]:
        types = [SPDX, recording.form.predicate_type] if recording.sbom else [recording.form.predicate_type]
        assert [attestation["predicateType"] for attestation in platform["attestations"]] == types
        for attestation in platform["attestations"]:
            assert not attestation["signed"]
            assert set(attestation["subjects"]) == {platform["digest"]}
            assert [(place["found"], place["on"]) for place in attestation["places"]] == [("embedded", shown["digest"])]


@each_recording
def test_inspect_says_which_run_it_was(recording: Recording) -> None:
    """BuildKit has spelled the invocation's key in two ways."""
    for platform in shown_of(recording.name)["platforms"]:
        for provenance in platform["provenance"]:
            assert re.fullmatch(r"[a-z0-9]{25}", provenance["invocation"])
            assert provenance["startedOn"] <= provenance["finishedOn"]
            assert provenance["attestation"] in [each["digest"] for each in platform["attestations"]]


def test_an_image_without_provenance_is_one_platform_and_nothing_else() -> None:
    shown = shown_of(WITHOUT_PROVENANCE)

    nothing: Mapping[str, list[Any]] = {"attestations": [], "provenance": [], "signatures": []}
    assert shown["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert shown["platforms"] == [{"platform": "linux/amd64", "digest": shown["digest"], **nothing}]
    assert {key: shown[key] for key in (*nothing, "problems")} == {**nothing, "problems": []}


@pytest.mark.parametrize("name", ALL)
def test_inspect_names_the_digest_that_the_layout_holds(name: str) -> None:
    assert shown_of(name)["digest"] == digest_of(layout(name))


def test_several_images_are_an_array() -> None:
    run = attest("inspect", "--format", "json", *(f"oci-layout:{layout(name)}" for name in ALL))

    assert (run.exit, run.err) == (0, "")
    assert [shown["digest"] for shown in json.loads(run.out)] == [digest_of(layout(name)) for name in ALL]


@pytest.mark.parametrize("name", ["cred-remote", "secret-max"])
def test_inspect_shows_no_credential(name: str) -> None:
    for form in ("json", "text"):
        run = attest("inspect", "--format", form, f"oci-layout:{layout(name)}")
        assert "https://git.example.test/acme/app.git" in run.out
        assert not re.search("xxxxx|supersecretarg|apikeyval", run.out)


@each_recording
def test_inspect_says_the_same_to_people(recording: Recording) -> None:
    run = attest("inspect", f"oci-layout:{layout(recording.name)}")

    assert (run.exit, run.err) == (0, "")
    assert "UNVERIFIED" in run.out
    for fact, said in recording.context.source.items():
        value = "yes" if said.value is True else said.value
        line = rf"^ +{fact} +(?:{value}) .*{said.written_by}"
        assert len(re.findall(line, run.out, re.MULTILINE)) == len(recording.platforms)


@cache
def shown_of(name: str) -> Printed:
    return inspect(layout(name))


def provenance_of(recording: Recording) -> Printed:
    form, context = recording.form, recording.context
    expected: Printed = {
        "predicateType": form.predicate_type,
        "statementType": form.statement_type,
        "buildType": form.build_type,
        "mode": recording.mode,
        "dependenciesComplete": context.complete,
        "source": {fact: {"value": said.value, "vouchedBy": said.written_by} for fact, said in context.source.items()},
    }
    return {**expected, "builder": recording.builder} if recording.builder else expected


def without(document: Printed, keys: tuple[str, ...]) -> Printed:
    return {key: value for key, value in document.items() if key not in keys}
