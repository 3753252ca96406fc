"""Other ways to build and sign: several names, platforms and programs, git contexts, layouts; each ends at the gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import pushed, samples, stand
from tests.e2e.attest_command import Attest
from tests.e2e.git_server import GitServer

SCRATCH = "--file=Dockerfile.scratch"
REPOSITORY = samples.ORIGIN.removesuffix(".git")


def gate(checkout: samples.Repository, repository: str = REPOSITORY) -> tuple[str, ...]:
    source = {"repository": repository, "commit": checkout.commit, "tag": "v1.0.0"}
    return tuple(word for fact, value in source.items() for word in (f"--source-{fact}", value))


# --- names and platforms ----------------------------------------------------------------------------------------------


def test_every_repository_gets_what_was_signed(
    attest: Attest, registry: str, referrers_registry: str, checkout: samples.Repository
) -> None:
    images = [f"{registry}/names/app:1", f"{registry}/names/app:latest", f"{referrers_registry}/names/mirror:1"]
    others = [f"--tag={image}" for image in images[1:]]

    attest.build(images[0], *others, SCRATCH, ".", cwd=checkout.path)

    reports = [attest.verify(image, *gate(checkout)) for image in images]
    assert [report.code for report in reports] == [0, 0, 0]
    assert len({report.document["image"]["digest"] for report in reports}) == 1


@pytest.fixture(scope="module")
def two_platforms(attest: Attest, registry: str, checkout: samples.Repository) -> str:
    image = f"{registry}/platforms/app:1"
    attest.build(image, "--platform=linux/amd64,linux/arm64", SCRATCH, ".", cwd=checkout.path)
    return image


def test_every_platform_passes_by_its_own_statements(
    attest: Attest, cosign: stand.Cosign, two_platforms: str, checkout: samples.Repository
) -> None:
    report = attest.verify(two_platforms, *gate(checkout))

    platforms = ["linux/amd64", "linux/arm64"]
    assert (report.code, report.document["image"]["platforms"]) == (0, platforms)
    checks = ("signer.identity", "source.repository", "source.commit", "source.tag")
    assert report.checks == {
        "image.digest": "passed",
        **{f"{check} {platform}": "passed" for platform in platforms for check in checks},
    }
    images = [entry["digest"].partition(":")[2] for entry in pushed.manifest(two_platforms)["manifests"][:2]]
    for kind in ("slsaprovenance1", "cyclonedx"):
        statements = map(json.loads, cosign.verify_attestation(kind, two_platforms))
        assert sorted(statement["subject"][1]["digest"]["sha256"] for statement in statements) == sorted(images)


def test_one_platform_is_asked_about_alone(attest: Attest, two_platforms: str, checkout: samples.Repository) -> None:
    report = attest.verify(two_platforms, "--platform", "linux/arm64", *gate(checkout))

    assert (report.code, report.document["narrowed"]) == (0, ["linux/arm64"])
    assert "source.commit linux/arm64" in report.checks
    assert not [check for check in report.checks if check.endswith("linux/amd64")]


def test_an_sbom_of_two_platforms_is_asked_for_one_by_one(attest: Attest, two_platforms: str) -> None:
    both = attest.run("sbom", two_platforms)
    one = attest.run("sbom", two_platforms, "--platform", "linux/arm64")

    assert (both.code, both.out) == (2, "")
    assert "Add --platform." in both.err
    assert one.code == 0
    assert {"name": "oci-attest:platform", "value": "linux/arm64"} in json.loads(one.out)["metadata"]["component"][
        "properties"
    ]


def test_the_scanners_packages_are_in_the_sbom(
    attest: Attest,
    cosign: stand.Cosign,
    registry: str,
    scanner: str,
    checkout: samples.Repository,
    tmp_path: Path,
) -> None:
    image, written = f"{registry}/scanned/app:1", tmp_path / "sbom.cdx.json"

    attest.build(image, f"--sbom=generator={scanner}", f"--sbom-output={written}", ".", cwd=checkout.path)

    document = json.loads(written.read_bytes())
    packages = {(part["name"], part["version"]) for part in document["components"]}
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert packages == {("base", "12"), ("busybox", "1.35.0"), ("libc", "2.36")}
    assert json.loads(attest.run("sbom", image).out) == document
    (statement,) = map(json.loads, cosign.verify_attestation("cyclonedx", image))
    assert statement["predicate"] == document
    assert attest.verify(image, *gate(checkout)).code == 0


# --- git contexts -----------------------------------------------------------------------------------------------------


def test_a_git_context_at_a_full_tag_proves_commit_and_tag(
    attest: Attest, either_registry: str, git_http: GitServer, checkout: samples.Repository
) -> None:
    url = git_http.publish(checkout.path, f"{either_registry.rpartition(':')[2]}/app")
    image = f"{either_registry}/git/app:1"

    # In a clone: BuildKit records the tag's object, and the raw object proves which commit it names.
    attest.build(image, SCRATCH, f"{url}#refs/tags/v1.0.0", cwd=checkout.path)

    report = attest.verify(image, *gate(checkout, url))
    assert (report.code, report.those("failed"), report.those("unknown")) == (0, set(), set())
    claims = {claim["fact"]: claim["value"] for claim in report.document["claims"]}
    assert (claims["source.tagObject"], claims["source.commit"]) == (checkout.tag_object, checkout.commit)
    assert attest.verify(image, "--source-commit", checkout.older_commit).those("failed") == {"source.commit"}
    assert attest.verify(image, "--source-tag", "v0.9.0").those("failed") == {"source.tag"}


def test_a_tag_object_that_nobody_has_is_unknown(
    attest: Attest, registry: str, git_http: GitServer, checkout: samples.Repository, tmp_path: Path
) -> None:
    url = git_http.publish(checkout.path, "unpeeled/app")
    image = f"{registry}/git/unpeeled:1"

    attest.build(image, SCRATCH, f"{url}#refs/tags/v1.0.0", cwd=tmp_path)

    report = attest.verify(image, *gate(checkout, url))
    assert (report.code, report.those("unknown"), report.reasons()) == (3, {"source.commit"}, {"not-peelable"})


def test_a_bare_name_is_no_tag(
    attest: Attest, registry: str, git_http: GitServer, checkout: samples.Repository
) -> None:
    url = git_http.publish(checkout.path, "bare/app")
    image = f"{registry}/git/bare:1"

    attest.build(image, SCRATCH, f"{url}#v1.0.0", cwd=checkout.path)

    report = attest.verify(image, *gate(checkout, url))
    assert (report.code, report.those("unknown"), report.reasons()) == (3, {"source.tag"}, {"ambiguous-ref"})


# --- programs and layouts ---------------------------------------------------------------------------------------------


def test_buildctl_is_told_what_it_does_not_ask_git(
    attest: Attest, buildkitd: str, either_registry: str, checkout: samples.Repository
) -> None:
    image = f"{either_registry}/buildctl/app:1"

    attest.build(image, "--program=buildctl", ".", cwd=checkout.path, BUILDKIT_HOST=buildkitd)

    assert attest.verify(image, *gate(checkout)).code == 0
    (platform,) = json.loads(attest.run("inspect", "--format=json", image).out)["platforms"]
    embedded = next(one["digest"] for one in platform["attestations"] if not one["signed"])
    (source,) = (found["source"] for found in platform["provenance"] if found["attestation"] == embedded)
    assert source == {
        "repository": {"value": samples.ORIGIN, "vouchedBy": "client"},
        "commit": {"value": checkout.commit, "vouchedBy": "client"},
    }


def test_a_layout_keeps_the_other_image_and_its_signatures(
    attest: Attest, checkout: samples.Repository, tmp_path: Path
) -> None:
    layout = tmp_path / "images"
    first = attest.build(f"oci-layout:{layout}:first", ".", cwd=checkout.path)
    files = {path: path.read_bytes() for path in layout.glob("blobs/*/*")}

    second = attest.build(f"oci-layout:{layout}:second", SCRATCH, ".", cwd=checkout.path)

    assert first != second
    assert all(path.read_bytes() == content for path, content in files.items())
    for name in ("first", "second"):
        report = attest.verify(f"oci-layout:{layout}:{name}", *gate(checkout))
        assert (report.code, report.document["image"]["digest"]) == (
            0,
            {"first": first, "second": second}[name].partition("@")[2],
        )


def test_the_same_tag_in_a_layout_moves_to_the_new_image(
    attest: Attest, checkout: samples.Repository, tmp_path: Path
) -> None:
    image = f"oci-layout:{tmp_path / 'images'}:1"
    first = attest.build(image, ".", cwd=checkout.path)

    second = attest.build(image, SCRATCH, ".", cwd=checkout.path)

    assert attest.verify(image, *gate(checkout)).document["image"]["digest"] == second.partition("@")[2]
    assert attest.verify(first, *gate(checkout)).code == 0


def test_what_was_built_without_a_key_is_signed_from_its_metadata_file(
    attest: Attest, registry: str, referrers_registry: str, checkout: samples.Repository, tmp_path: Path
) -> None:
    images = [f"{registry}/metadata/app:1", f"{referrers_registry}/metadata/app:1"]
    metadata = tmp_path / "metadata.json"
    tags = [f"--tag={image}" for image in images]
    built = attest.run("build", *tags, f"--metadata-file={metadata}", ".", cwd=checkout.path)
    assert built.code == 0, built
    assert "not signed" in built.out
    assert [attest.verify(image, *gate(checkout)).code for image in images] == [3, 3]

    done = attest.run("sign", "--metadata-file", metadata, "--key", attest.key, *gate(checkout))

    assert done.code == 0, done
    assert [attest.verify(image, *gate(checkout)).code for image in images] == [0, 0]


# --- what cosign alone has signed -------------------------------------------------------------------------------------


def test_cosigns_signature_vouches_for_what_buildkit_embedded(
    attest: Attest,
    cosign: stand.Cosign,
    buildx_builder: stand.Builder,
    either_registry: str,
    checkout: samples.Repository,
) -> None:
    image = f"{either_registry}/cosigned/app:1"
    buildx_builder.build("--push", f"--tag={image}", "--provenance=mode=max", ".", cwd=checkout.path)
    index = attest.verify(image).document["image"]["digest"]
    unsigned = attest.verify(image, "--signature-only")
    assert (unsigned.code, unsigned.reasons()) == (3, {"unsigned"})

    cosign.sign(f"{image.rpartition(':')[0]}@{index}")

    signature = attest.verify(image, "--signature-only")
    assert (signature.code, signature.checks) == (0, {"image.digest": "passed", "signature.valid": "passed"})
    report = attest.verify(image, "--source-repository", REPOSITORY, "--source-commit", checkout.commit)
    assert (report.code, report.those("failed"), report.those("unknown")) == (0, set(), set())
    # From cosign's bundle over the index and the attestation manifest down to BuildKit's statement.
    (path,) = report.document["paths"]
    entries = [entry["digest"] for entry in pushed.manifest(image)["manifests"]]
    assert path["digests"][1:3] == [index, entries[1]]
    assert len(path["digests"]) == 4
    # BuildKit says nothing of tags for a local checkout, and cosign neither.
    assert attest.verify(image, "--source-tag", "v1.0.0").reasons() == {"no-claim"}
    assert attest.verify(image, "--source-commit", checkout.older_commit).those("failed") == {"source.commit"}
