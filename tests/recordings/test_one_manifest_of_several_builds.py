"""Recordings whose builds came out at one and the same platform manifest, pushed to one repository and signed.

What hangs off the manifest speaks for the build whose index it names
(docs/decisions/0006-several-builds-of-one-manifest.md).
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from tests.recordings.conftest import Signer
from tests.recordings.expected import FEATURE, MAIN, ORIGIN, OTHER_COMMIT, PASSED, Answer, failed
from tests.recordings.reading import Printed, answer, attest, copy_of, digest_of, inspect, layout

QUESTION = ("--source-repository", ORIGIN, "--source-commit", MAIN)


def repository_of(folder: Path, signer: Signer, *names: str) -> dict[str, str]:
    """One layout with all of these images, each signed; gives `oci-layout:…@DIGEST` of each, and of their manifest."""
    target = copy_of(names[0], folder)
    for name in names[1:]:
        shutil.copytree(layout(name) / "blobs", target / "blobs", dirs_exist_ok=True)
    entries = [json.loads((layout(name) / "index.json").read_text())["manifests"][0] for name in names]
    (target / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    images = {name: f"oci-layout:{target}@{digest_of(layout(name))}" for name in names}
    for image in images.values():
        assert attest("sign", image, "--key", signer.key).exit == 0
    manifests = {inspect(layout(name))["platforms"][0]["digest"] for name in names}
    assert len(manifests) == 1
    return {**images, "the manifest": f"oci-layout:{target}@{manifests.pop()}"}


def ask(image: str, signer: Signer, *question: str) -> Answer:
    run = attest("verify", "--format", "json", image, "--key", signer.pub, *question)
    report: Printed = json.loads(run.out)
    return answer(report)


@pytest.mark.parametrize(
    ("honest", "other", "of_other"),
    [
        ("dirty-default", "dirty-check", failed("dirty")),
        ("imagetools-merged", "forged-vcs", failed("other-repository", "other-commit")),
    ],
)
def test_each_index_answers_for_its_own_build(
    honest: str, other: str, of_other: Answer, signer: Signer, tmp_path: Path
) -> None:
    images = repository_of(tmp_path, signer, honest, other)

    assert ask(images[honest], signer, *QUESTION) == PASSED
    assert ask(images[other], signer, *QUESTION) == of_other
    assert ask(images[honest], signer, "--source-commit", FEATURE) == OTHER_COMMIT


@pytest.mark.parametrize("names", [("dirty-default", "dirty-check"), ("imagetools-merged", "forged-vcs")])
def test_the_manifest_alone_was_built_from_all_of_them(names: tuple[str, str], signer: Signer, tmp_path: Path) -> None:
    images = repository_of(tmp_path, signer, *names)

    assert ask(images["the manifest"], signer, *QUESTION).exit == 1


def test_formats_and_modes_of_one_build_agree(signer: Signer, tmp_path: Path) -> None:
    names = ("local-default", "local-v1-max", "local-v1-min", "local-v02-max", "local-v02-min")
    images = repository_of(tmp_path, signer, *names)

    assert {image: ask(image, signer, *QUESTION) for image in images.values()} == dict.fromkeys(images.values(), PASSED)


def test_without_evidence_of_its_own_an_index_is_what_another_build_says(signer: Signer, tmp_path: Path) -> None:
    """The exception once more: what contradicts can be deleted. Nothing is gained, the bytes are the same."""
    images = repository_of(tmp_path, signer, "dirty-check", "dirty-default")
    assert ask(images["dirty-check"], signer, *QUESTION) == failed("dirty")

    forget(tmp_path / "dirty-check", digest_of(layout("dirty-check")))

    assert ask(images["dirty-check"], signer, *QUESTION) == PASSED


def forget(folder: Path, index: str) -> None:
    """Take everything away that names this index, wherever it hangs."""
    listed = json.loads((folder / "index.json").read_text())
    listed["manifests"] = [entry for entry in listed["manifests"] if index not in signed_about(folder, entry["digest"])]
    (folder / "index.json").write_text(json.dumps(listed))


def signed_about(folder: Path, digest: str) -> set[str]:
    """The subjects of the statement in a referrer; nothing for an image."""
    manifest = blob(folder, digest)
    if "subject" not in manifest:
        return set()
    bundle = blob(folder, manifest["layers"][0]["digest"])
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return {f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]}


def blob(folder: Path, digest: str) -> Printed:
    content: Printed = json.loads((folder / "blobs" / digest.replace(":", "/")).read_bytes())
    return content
