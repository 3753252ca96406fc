"""`attest verify` of every recording, as it was pushed and signed as it is: the answers of expected.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recordings.conftest import Signer
from tests.recordings.expected import (
    BOTH,
    FEATURE,
    FORGED,
    INITIAL,
    MAIN,
    NOBODY_BELIEVED,
    PASSED,
    RECORDINGS,
    UNPROVEN,
    UNSIGNED,
    WITH_A_CREDENTIAL,
    WITHOUT_PROVENANCE,
    Context,
    Recording,
)
from tests.recordings.reading import Printed, answer, attest, copy_of, digest_of, layout, sign, verify

each_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
each_that_may_be_signed = pytest.mark.parametrize(
    "recording",
    [recording for recording in RECORDINGS if recording.name != WITH_A_CREDENTIAL],
    ids=lambda recording: recording.name,
)


def expecting(context: Context, commit: str = "") -> tuple[str, ...]:
    return ("--source-repository", context.repository, "--source-commit", commit or context.commit)


# --- As it was pushed -------------------------------------------------------------------------------------------------


@each_recording
def test_what_nobody_signed_is_unknown(recording: Recording, signer: Signer) -> None:
    report = verify(layout(recording.name), "--key", signer.pub, *expecting(recording.context))

    assert answer(report) == UNSIGNED
    assert report["image"]["digest"] == digest_of(layout(recording.name))
    assert report["image"]["platforms"] == list(recording.platforms)
    assert reasons_of(report, "signer.identity") == dict.fromkeys(recording.platforms, "unsigned")
    assert {claim["vouchedBy"] for claim in report["claims"]} <= {"client"}
    assert (report["paths"], report["level"]["reached"]) == ([], 0)


@each_recording
def test_without_a_key_nobody_is_believed(recording: Recording) -> None:
    assert answer(verify(layout(recording.name), *expecting(recording.context))) == NOBODY_BELIEVED


def test_an_image_without_provenance_is_unknown_and_cannot_be_signed_as_if_it_had_some(
    signer: Signer, tmp_path: Path
) -> None:
    folder = copy_of(WITHOUT_PROVENANCE, tmp_path)
    question = ("--key", signer.pub, "--source-commit", INITIAL)
    assert answer(verify(folder, *question)) == UNPROVEN

    before = (folder / "index.json").read_bytes()
    run = sign(folder, signer.key)

    assert (run.exit, run.out) == (3, "")
    assert "no provenance for linux/amd64" in run.err
    assert (folder / "index.json").read_bytes() == before
    assert sign(folder, signer.key, "--signature-only").exit == 0
    assert answer(verify(folder, "--key", signer.pub, "--signature-only")) == PASSED
    assert answer(verify(folder, *question)) == UNPROVEN


def test_several_images_are_an_array_and_the_worst_exit_code(signer: Signer) -> None:
    images = [f"oci-layout:{layout(recording.name)}" for recording in RECORDINGS]

    run = attest("verify", "--format", "json", *images, "--key", signer.pub, "--source-commit", INITIAL)

    assert run.exit == 3
    reports = json.loads(run.out)
    assert [report["image"]["digest"] for report in reports] == [digest_of(layout(each.name)) for each in RECORDINGS]
    assert {answer(report) for report in reports} == {UNSIGNED}


# --- Signed as it is --------------------------------------------------------------------------------------------------


@each_that_may_be_signed
def test_a_signed_recording_is_what_its_command_says(recording: Recording, signer: Signer) -> None:
    report = verify(signer.signed(recording.name), "--key", signer.pub, *expecting(recording.context))

    assert answer(report) == recording.context.right
    assert {path["platform"] for path in report["paths"]} == set(recording.platforms)
    assert report["level"]["reached"] == 1
    assert claimed(report) == {
        (platform, f"source.{fact}", str(said.value).lower())
        for platform in recording.platforms
        for fact, said in recording.context.source.items()
    }


@each_that_may_be_signed
def test_a_signed_recording_comes_from_no_other_commit(recording: Recording, signer: Signer) -> None:
    report = verify(signer.signed(recording.name), "--key", signer.pub, *expecting(recording.context, FEATURE))

    assert answer(report) == recording.context.wrong


@each_that_may_be_signed
def test_a_signed_recording_has_an_image_signature(recording: Recording, signer: Signer) -> None:
    assert answer(verify(signer.signed(recording.name), "--key", signer.pub, "--signature-only")) == PASSED


@each_recording
def test_a_signature_over_the_index_vouches_for_what_is_embedded(recording: Recording, signer: Signer) -> None:
    """Nothing but an image signature: BuildKit's own statements are reached through the index, digest by digest."""
    folder = signer.signed(recording.name, "--signature-only")

    report = verify(folder, "--key", signer.pub, *expecting(recording.context))

    assert answer(report) == recording.context.right
    assert {path["platform"] for path in report["paths"]} == set(recording.platforms)
    for path in report["paths"]:
        signature, root, _, statement = path["digests"]
        assert (root, statement) == (digest_of(folder), path["statement"])
        assert signature not in (root, statement)


@each_recording
def test_people_read_the_same_answer(recording: Recording, signer: Signer) -> None:
    folder = signer.signed(recording.name, "--signature-only")

    run = attest("verify", f"oci-layout:{folder}", "--key", signer.pub, *expecting(recording.context))

    assert run.exit == recording.context.right.exit
    assert run.out.split()[0] == {0: "PASSED", 1: "FAILED", 3: "UNKNOWN"}[run.exit]
    assert bool(run.err) == (run.exit != 0)


@pytest.mark.parametrize("name", ["multiplatform", "imagetools-merged"])
def test_one_platform_can_be_asked_about(name: str, signer: Signer) -> None:
    for platform in BOTH:
        report = verify(signer.signed(name), "--key", signer.pub, "--platform", platform, "--source-commit", MAIN)
        assert answer(report) == PASSED
        assert report["narrowed"] == [platform]
        assert {check["platform"] for check in report["checks"] if "platform" in check} == {platform}


def test_with_a_key_its_holder_can_say_anything(signer: Signer) -> None:
    """The client wrote `vcs` in forged-vcs. Whoever trusts the key believes what its holder signs, and reads so."""
    linux = {fact: str(said.value) for fact, said in FORGED.source.items()}
    question = ("--source-repository", linux["repository"], "--source-commit", linux["commit"])

    run = attest("verify", f"oci-layout:{signer.signed('forged-vcs')}", "--key", signer.pub, *question)

    assert run.exit == 0
    assert "The holder of the key says so" in run.out.splitlines()[1]


def reasons_of(report: Printed, check_id: str) -> Printed:
    return {check["platform"]: check["reason"] for check in report["checks"] if check["id"] == check_id}


def claimed(report: Printed) -> set[tuple[str, str, str]]:
    """What the report says of the source but for replacements, which have words of their own."""
    vouched = [claim for claim in report["claims"] if claim["vouchedBy"] != "client"]
    assert {claim["vouchedBy"] for claim in vouched} <= {"signer"}
    return {
        (claim["platform"], claim["fact"], claim["value"]) for claim in vouched if claim["fact"] != "source.replaced"
    }
