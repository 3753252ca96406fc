"""What crane, skopeo, buildx and cosign really write: layouts, archives, and the tags of cosign 2."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli.demo import RECORDING
from tests.cli.layouts import write_key_pair
from tests.cli.running import attest, minimal
from tests.e2e import stand

OLD_FORM: Final = ("--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--yes")


@dataclass(frozen=True, slots=True)
class Old:
    """An image that cosign signed as cosign 2 did, on a registry without the referrers API."""

    image: str
    folder: Path


@pytest.fixture(scope="module")
def old(registry: str, cosign: stand.Cosign, tmp_path_factory: pytest.TempPathFactory) -> Old:
    folder = tmp_path_factory.mktemp("old")
    name = f"{registry}/acme/signed-by-cosign-2"
    stand.run(stand.tool("crane"), "push", "--index", RECORDING, f"{name}:1", env=cosign.environment)
    image = f"{name}@{stand.run(stand.tool('crane'), 'digest', f'{name}:1', env=cosign.environment).strip()}"
    (folder / "predicate.json").write_text('{"of": "nothing"}')
    (folder / "sbom.spdx").write_text("SPDXVersion: SPDX-2.3\n")
    cosign.run("sign", "--key", cosign.key, *OLD_FORM, image)
    custom = ("--predicate", folder / "predicate.json", "--type", "custom")
    cosign.run("attest", "--key", cosign.key, *OLD_FORM, *custom, image)
    cosign.run("attach", "sbom", "--sbom", folder / "sbom.spdx", "--type", "spdx", image)
    return Old(image, folder)


def inspected(reference: str, home: Path) -> dict[str, Any]:
    done = attest("inspect", "--format", "json", reference, env=minimal(home))
    assert done.code == 0, done
    shown: dict[str, Any] = json.loads(done.out)
    return shown


def formats_and_types(shown: dict[str, Any]) -> tuple[list[str], list[tuple[str, bool]]]:
    signatures = [signature["format"] for signature in shown["signatures"]]
    return signatures, [(one["predicateType"], one["signed"]) for one in shown["attestations"]]


def test_what_cosign_2_left_under_tags_is_found(old: Old, tmp_path: Path) -> None:
    shown = inspected(old.image, tmp_path)
    signatures, attestations = formats_and_types(shown)

    assert signatures == ["cosign-simple"]
    assert ("https://cosign.sigstore.dev/attestation/v1", True) in attestations
    assert ("https://spdx.dev/Document", False) in attestations
    places = [place["found"] for one in (*shown["signatures"], *shown["attestations"]) for place in one["places"]]
    assert set(places) == {"cosign-tag"}


def test_an_image_signature_of_cosign_2_is_accepted(old: Old, cosign: stand.Cosign, tmp_path: Path) -> None:
    options = ("--key", cosign.public_key, "--signature-only", "--format", "json")
    done = attest("verify", old.image, *options, env=minimal(tmp_path))
    assert done.code == 0, done
    # Unless another key made it.
    write_key_pair(tmp_path / "other")
    refused = attest("verify", old.image, "--key", tmp_path / "other.pub", "--signature-only", env=minimal(tmp_path))
    assert refused.code == 1, refused


def test_a_layout_that_cosign_saved_holds_one_image_and_what_signs_it(
    old: Old, cosign: stand.Cosign, tmp_path: Path
) -> None:
    cosign.run("save", "--dir", tmp_path / "saved", old.image)
    shown = inspected(f"oci-layout:{tmp_path / 'saved'}", tmp_path)
    signatures, attestations = formats_and_types(shown)

    assert old.image.endswith(shown["digest"])
    assert signatures == ["cosign-simple"]
    assert ("https://cosign.sigstore.dev/attestation/v1", True) in attestations


def test_a_layout_that_crane_pulled_needs_no_name(old: Old, cosign: stand.Cosign, tmp_path: Path) -> None:
    folder = tmp_path / "pulled"
    stand.run(stand.tool("crane"), "pull", "--format=oci", old.image, folder, env=cosign.environment)
    shown = inspected(f"oci-layout:{folder}", tmp_path)

    assert old.image.endswith(shown["digest"])
    assert [platform["platform"] for platform in shown["platforms"]]


def test_the_archive_that_buildx_writes_is_read_in_place(buildx_builder: stand.Builder, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    archive = tmp_path / "image.tar"
    buildx_builder.build(
        "--provenance=mode=max", f"--output=type=oci,dest={archive}", "-t", "acme/app:1", str(tmp_path)
    )

    (platform,) = inspected(f"oci-layout:{archive}:1", tmp_path)["platforms"]
    assert len(platform["provenance"]) == 1


def test_the_bundles_that_cosign_3_saves_are_found_though_nothing_lists_them(
    registry: str, cosign: stand.Cosign, tmp_path: Path
) -> None:
    name = f"{registry}/acme/signed-by-cosign-3"
    stand.run(stand.tool("crane"), "push", "--index", RECORDING, f"{name}:1", env=cosign.environment)
    image = f"{name}@{stand.run(stand.tool('crane'), 'digest', f'{name}:1', env=cosign.environment).strip()}"
    cosign.sign(image)
    cosign.run("save", "--dir", tmp_path / "saved", image)
    layout = f"oci-layout:{tmp_path / 'saved'}"

    assert len(json.loads((tmp_path / "saved" / "index.json").read_text())["manifests"]) == 1
    shown = inspected(layout, tmp_path)
    assert image.endswith(shown["digest"])
    assert [signature["format"] for signature in shown["signatures"]] == ["bundle-v0.3"]
    done = attest("verify", layout, "--key", cosign.public_key, "--signature-only", env=minimal(tmp_path))
    assert done.code == 0, done


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize("place", ["oci:pulled", "oci-archive:pulled"])
@pytest.mark.parametrize("tag", [":1", ""])
def test_what_skopeo_copied_is_read(place: str, tag: str, tmp_path: Path) -> None:
    recording = Path(__file__).parents[1] / "assets" / "buildkit" / "out-oci-dir" / "layout"
    (listed,) = json.loads((recording / "index.json").read_text())["manifests"]
    transport, _, name = place.partition(":")
    target = f"{transport}:{tmp_path / name}{tag}"
    stand.run(Path("skopeo"), "copy", "--all", f"oci:{recording}:1", target, env=minimal(tmp_path))

    assert inspected(f"oci-layout:{tmp_path / name}{tag}", tmp_path)["digest"] == listed["digest"]
