"""`attest download` and `attest inspect --raw`: exact bytes, or a reason."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Done, attest, minimal

ASSETS = Path(__file__).parents[1] / "assets" / "buildkit"


def run(tmp_path: Path, *arguments: str | Path) -> Done:
    return attest(*arguments, env=minimal(tmp_path))


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def statements(layout: Path) -> dict[str, str]:
    """Predicate type by digest of what BuildKit embedded, read from the blobs themselves."""
    index = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    found: dict[str, str] = {}
    for entry in json.loads(blob(layout, index))["manifests"]:
        manifest: dict[str, Any] = json.loads(blob(layout, entry["digest"]))
        for layer in manifest["layers"]:
            if predicate := layer.get("annotations", {}).get("in-toto.io/predicate-type"):
                found[layer["digest"]] = predicate
    return found


@pytest.mark.parametrize(("kind", "word"), [("provenance", "slsa.dev"), ("sbom", "spdx.dev")])
def test_one_statement_is_written_byte_for_byte(tmp_path: Path, kind: str, word: str) -> None:
    layout = ASSETS / "sbom-tiny" / "layout"
    (digest,) = [digest for digest, predicate in statements(layout).items() if word in predicate]

    done = run(tmp_path, "download", kind, f"oci-layout:{layout}", "--output", tmp_path / "out")

    assert done.code == 0, done
    assert (tmp_path / "out").read_bytes() == blob(layout, digest)
    assert "unverified" in done.err


def test_standard_output_gets_the_same_bytes(tmp_path: Path) -> None:
    layout = ASSETS / "remote-v1-max-tag" / "layout"
    (digest,) = statements(layout)

    done = attest("download", "provenance", f"oci-layout:{layout}", env=minimal(tmp_path), out=tmp_path / "out")

    assert done.code == 0, done
    assert hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest() == digest.removeprefix("sha256:")


def test_two_platforms_need_one_to_be_named(tmp_path: Path) -> None:
    layout = ASSETS / "multiplatform" / "layout"
    both = run(tmp_path, "download", "provenance", f"oci-layout:{layout}")
    one = run(tmp_path, "download", "provenance", f"oci-layout:{layout}", "--platform", "linux/arm64")

    assert both.code == 2
    assert "--platform" in both.err
    assert all(digest in both.err for digest in statements(layout))
    assert one.code == 0, one
    subjects = json.loads(one.out)["subject"]
    assert any("arm64" in subject["name"] for subject in subjects)
    assert not any("amd64" in subject["name"] for subject in subjects)


def test_what_is_not_there_is_absent_and_not_an_empty_file(tmp_path: Path) -> None:
    layout = ASSETS / "multiplatform" / "layout"
    done = run(tmp_path, "download", "signatures", f"oci-layout:{layout}", "-o", tmp_path / "out")

    assert done.code == 3
    assert "no signatures" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["index", "manifest", "statement"])
def test_raw_prints_any_manifest_or_statement(tmp_path: Path, what: str) -> None:
    layout = ASSETS / "remote-v1-max-tag" / "layout"
    index = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads(blob(layout, index))["manifests"][0]["digest"]
    digest = {"index": index, "manifest": manifest, "statement": next(iter(statements(layout)))}[what]

    done = attest("inspect", "--raw", digest, f"oci-layout:{layout}", env=minimal(tmp_path), out=tmp_path / "out")

    assert done.code == 0, done
    assert (tmp_path / "out").read_bytes() == blob(layout, digest)


def test_raw_of_a_config_is_given_and_of_a_layer_is_not(tmp_path: Path) -> None:
    layout = ASSETS / "remote-v1-max-tag" / "layout"
    index = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads(blob(layout, json.loads(blob(layout, index))["manifests"][0]["digest"]))

    config = run(tmp_path, "inspect", "--raw", manifest["config"]["digest"], f"oci-layout:{layout}")
    layer = run(tmp_path, "inspect", "--raw", manifest["layers"][0]["digest"], f"oci-layout:{layout}")

    assert json.loads(config.out)["architecture"]
    assert (layer.code, layer.out) == (3, "")
    assert "layers are not read" in layer.err


def test_raw_is_about_one_image(tmp_path: Path) -> None:
    layout = f"oci-layout:{ASSETS / 'multiplatform' / 'layout'}"
    done = run(tmp_path, "inspect", "--raw", f"sha256:{'0' * 64}", layout, layout)

    assert done.code == 2


def test_inspect_shows_only_the_platform_asked_for(tmp_path: Path) -> None:
    layout = f"oci-layout:{ASSETS / 'multiplatform' / 'layout'}"
    shown = json.loads(run(tmp_path, "inspect", "--format", "json", "--platform", "linux/arm64", layout).out)
    missing = run(tmp_path, "inspect", "--format", "json", "--platform", "linux/s390x", layout)

    assert [platform["platform"] for platform in shown["platforms"]] == ["linux/arm64"]
    assert (missing.code, missing.out) == (3, "")
    assert "linux/s390x" in missing.err


def test_a_file_beside_the_image_is_shown_as_a_file_and_trusted_by_nobody(tmp_path: Path) -> None:
    layout = ASSETS / "remote-v1-max-tag" / "layout"
    statement = tmp_path / "statement.json"
    statement.write_bytes(blob(layout, next(iter(statements(layout)))))

    shown = run(tmp_path, "inspect", "--format", "json", "--attestation", statement, f"oci-layout:{layout}")
    (platform,) = json.loads(shown.out)["platforms"]
    (attestation,) = platform["attestations"]
    missing = run(tmp_path, "inspect", "--bundle", tmp_path / "none", f"oci-layout:{layout}")

    assert [place["found"] for place in attestation["places"]] == ["embedded", "file"]
    assert attestation["places"][1] == {"found": "file"}
    assert missing.code == 2
