"""One document, two readers: Go's programs read keys without case and platforms in other spellings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attest.oci.descriptor import OCI_INDEX, Descriptor
from attest.oci.image import load_image
from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.reference import Platform
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import COMMIT, ask, passed, trouble

AMD64 = "linux/amd64"


def entry(image: Descriptor, os: str, architecture: str, **more: str) -> dict[str, Any]:
    return {**image.to_json(), "platform": {"os": os, "architecture": architecture, **more}}


def reindexed(platform: str = AMD64) -> tuple[images.Pushed, SigningKey, Descriptor, Descriptor]:
    """A good image that is proven by itself, and a foreign one: anybody who can push can make an index of both."""
    key = images.new_key()
    pushed = images.push({platform: images.local_build()})
    images.sign_provenance(pushed, platform, images.local_build(), key)
    assert passed(ask(pushed, key))
    return pushed, key, pushed.platforms[platform], images.push_manifest(pushed.store, "evil")


def index(pushed: images.Pushed, document: dict[str, Any]) -> None:
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, **document}).encode()
    pushed.store.root = pushed.store.put(content, OCI_INDEX)


@pytest.mark.parametrize("spelling", ["Manifests", "MANIFESTS", "manife\N{LATIN SMALL LETTER LONG S}ts"])
def test_a_second_list_that_only_go_reads_is_refused(spelling: str) -> None:
    pushed, key, good, evil = reindexed()
    index(pushed, {"manifests": [entry(good, "linux", "amd64")]})
    assert passed(ask(pushed, key))

    index(pushed, {"manifests": [entry(good, "linux", "amd64")], spelling: [entry(evil, "linux", "amd64")]})

    assert trouble(ask(pushed, key)).reason == "unreadable"


def test_a_second_digest_or_platform_that_only_go_reads_is_refused() -> None:
    pushed, key, good, evil = reindexed()
    honest = entry(good, "linux", "amd64")
    for more in ({"Digest": str(evil.digest)}, {"Platform": {"os": "linux", "architecture": "arm64"}}):
        index(pushed, {"manifests": [{**honest, **more}]})
        assert trouble(ask(pushed, key)).reason == "unreadable"
    platform = {"os": "linux", "architecture": "amd64", "OS": "windows"}
    index(pushed, {"manifests": [{**honest, "platform": platform}]})
    assert trouble(ask(pushed, key)).reason == "unreadable"


@pytest.mark.parametrize(
    ("platform", "spelled"),
    [
        ("linux/arm64", ("linux", "arm64", {"variant": "v8"})),
        ("linux/arm64", ("linux", "aarch64", {})),
        ("linux/amd64", ("linux", "x86_64", {})),
        ("linux/amd64", ("Linux", "AMD64", {})),
        ("linux/amd64", ("linux", "amd64", {"variant": "v1"})),
        ("linux/amd64", ("linux", "amd64", {"os.version": "1"})),
        ("linux/arm", ("linux", "arm", {"variant": "7"})),
    ],
)
def test_one_platform_in_two_spellings_is_one_platform(platform: str, spelled: tuple[str, str, dict[str, str]]) -> None:
    pushed, key, good, evil = reindexed(platform)
    os, architecture, more = spelled
    index(pushed, {"manifests": [entry(evil, os, architecture, **more), entry(good, *platform.split("/"))]})

    for platforms in ((), (Platform.parse(platform),)):
        report = ask(pushed, key, Expectations(commit=images.COMMIT, platforms=platforms))
        assert (report.verdict, trouble(report).reason) == (Status.FAILED, "platform-repeated")


def test_asking_for_a_platform_asks_for_all_its_variants() -> None:
    """A runtime on a newer machine takes amd64/v3 where it was asked for amd64."""
    pushed, key, good, evil = reindexed()
    index(pushed, {"manifests": [entry(good, "linux", "amd64"), entry(evil, "linux", "amd64", variant="v3")]})
    narrowed = Expectations(commit=images.COMMIT, platforms=(Platform.parse(AMD64),))

    assert ask(pushed, key, narrowed).verdict is Status.UNKNOWN


def test_versions_of_windows_are_platforms_of_their_own() -> None:
    windows = [Platform("windows", "amd64", "", version) for version in ("10.0.17763.1", "10.0.20348.1")]
    assert windows[0].normal != windows[1].normal
    assert Platform.parse("windows/amd64").covers(windows[0])
    assert not Platform("windows", "amd64", "", "10.0.17763.1").covers(windows[1])


def test_a_flood_of_referrers_does_not_hide_a_contradiction() -> None:
    from attest.oci import limits
    from attest.oci.descriptor import artifact_manifest

    pushed, key, good, _ = reindexed()
    pushed.store.root = pushed.root
    for number in range(limits.REFERRERS + 1):
        layer = pushed.store.put(b"%d" % number, "text/plain")
        manifest = artifact_manifest(good, "text/plain", layer, {})
        pushed.store.list_referrer(
            good.digest, pushed.store.put(manifest, "application/vnd.oci.image.manifest.v1+json")
        )

    report = ask(pushed, key, COMMIT)

    assert (report.verdict, trouble(report).id) == (Status.UNKNOWN, "evidence.complete")


def test_an_index_is_not_read_as_a_manifest_because_the_registry_says_so() -> None:
    """The type may come from the registry's answer alone, and then one platform would be all that is looked at."""
    from attest.errors import Unreadable
    from attest.oci.descriptor import OCI_MANIFEST, parse_manifest

    pushed, _, good, _ = reindexed()
    content = json.dumps({"schemaVersion": 2, "manifests": [entry(good, "linux", "amd64")]}).encode()
    with pytest.raises(Unreadable, match="both an index and a manifest"):
        parse_manifest(pushed.store.put(content, OCI_MANIFEST), content, "here")
    manifest = pushed.store.contents[good.digest].replace(OCI_MANIFEST.encode(), OCI_INDEX.encode())
    with pytest.raises(Unreadable, match="both an index and a manifest"):
        parse_manifest(Descriptor.of(manifest, OCI_INDEX), manifest, "here")


def test_a_nested_index_that_is_listed_many_times_is_read_once() -> None:
    pushed, _, good, _ = reindexed()
    nested = pushed.store.put(
        json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry(good, "linux", "amd64")]}).encode(),
        OCI_INDEX,
    )
    index(pushed, {"manifests": [nested.to_json()] * 500})
    pushed.store.asked.clear()
    image = load_image(pushed.store)
    assert pushed.store.asked.count(f"manifest {nested.digest}") == 1
    assert [str(platform.platform) for platform in image.platforms] == [AMD64]


def test_more_statements_than_anybody_writes_are_not_read_and_not_passed_over() -> None:
    from attest.oci import limits

    pushed, key, good, _ = reindexed()
    statements = [images.embedded({"n": n}, good.digest) for n in range(150)]
    layers = [pushed.store.put(statement, "application/vnd.in-toto+json") for statement in statements]
    manifest = images.push_attestation_manifest(pushed.store, layers)
    many = images.push({AMD64: None}, pushed.store, [images.attestation_entry(manifest, good.digest)])
    images.sign_index(many, key)

    report = ask(many, key, COMMIT)

    assert len(layers) > limits.STATEMENTS
    assert (report.verdict, trouble(report).id) == (Status.UNKNOWN, "evidence.complete")
