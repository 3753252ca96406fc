"""Who accepts whose signatures: a test for each cell of the table in docs/signatures.md.

cosign and the Sigstore are the real ones, but for Rekor v1, to which cosign writes in its old form. Each image has a
repository of its own, so that what was signed for one cell is no evidence in another; what attest signs at once for an
image is judged cell by cell.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli.demo import COMMIT, REPOSITORY, TAG
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import COSIGN_SIGN, CYCLONEDX_BOM
from attest.oci.descriptor import SIGSTORE_BUNDLE
from tests.cli.layouts import SOURCE, Layout, write_key_pair
from tests.cli.running import attest
from tests.e2e import pushed, samples, stand
from tests.e2e.sigstore_stand import Sigstore, real_sigstore

SIGNERS: Final = ("key", "keyless")
COSIGN_FORMS: Final = ("cosign 3 bundle", "cosign 2 tags")
OURS: Final = "attest"
OVER: Final = ("index", "platform")
WHAT: Final = ("signature", "provenance", "SBOM")
BY_COSIGN: Final = tuple(itertools.product(SIGNERS, COSIGN_FORMS, OVER, WHAT))
BY_ATTEST: Final = tuple(itertools.product(SIGNERS, (OURS,), OVER, WHAT))

PLATFORM: Final = ("--platform", "linux/amd64")
GITLAB: Final = REPOSITORY.removesuffix("/acme/hello")
PIPELINE: Final = f"{GITLAB.removeprefix('https://')}/acme/hello//.gitlab-ci.yml@refs/tags/{TAG}"
OLD: Final = ("--new-bundle-format=false", "--use-signing-config=false")
# What attest expects of a source, where the provenance is all that there is: BuildKit says nothing of tags.
BUILT_FROM: Final = ("--source-repository", REPOSITORY, "--source-commit", COMMIT)
COSIGN_TYPES: Final = {"provenance": "slsaprovenance1", "SBOM": "cyclonedx"}
TYPES: Final = {"provenance": SLSA_V1, "SBOM": CYCLONEDX_BOM}
SBOM: Final = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"type": "library", "name": "libc", "version": "2.36"}],
}

Options = tuple[str | Path, ...]


@dataclass(frozen=True, slots=True)
class Believer:
    """Somebody who believes one signer, in the words of cosign and of attest."""

    cosign: Options
    attest: Options


@dataclass(frozen=True, slots=True)
class Signer:
    """How the tools are told to sign; `other` believes somebody else, and is told why nothing is accepted."""

    cosign: Mapping[str, Options]
    attest: Options
    environment: Mapping[str, str]
    believer: Believer
    other: Believer
    refusal: str
    cosign_refusal: str


def holder_of_a_key(folder: Path, cosign: stand.Cosign) -> Signer:
    write_key_pair(folder / "other")

    def believer(public: Path) -> Believer:
        return Believer(("--key", public, "--insecure-ignore-tlog"), ("--key", public))

    key = ("--key", cosign.key)
    forms = {
        "cosign 3 bundle": ("--signing-config", cosign.signing_config),
        "cosign 2 tags": (*OLD, "--tlog-upload=false"),
    }
    return Signer(
        {form: (*key, *options) for form, options in forms.items()},
        key,
        cosign.environment,
        believer(cosign.public_key),
        believer(folder / "other.pub"),
        "other-key",
        "failed to verify",
    )


def pipeline(folder: Path, sigstore: Sigstore) -> Signer:
    def believer(name: str) -> Believer:
        whose: Options = ("--certificate-identity", name, "--certificate-oidc-issuer", sigstore.ours.url)
        options = (*whose, "--trusted-root", sigstore.trusted_root_file)
        return Believer(options, options)

    project = {"project_path": "acme/hello", "sha": COMMIT, "ref": TAG, "ref_path": f"refs/tags/{TAG}"}
    token = folder / "token"
    token.write_text(sigstore.ours.token(**project, ci_config_ref_uri=PIPELINE))
    services = ("--fulcio-url", sigstore.fulcio, "--rekor-url", sigstore.ours.url)
    new = ("--signing-config", sigstore.signing_config_file, "--trusted-root", sigstore.trusted_root_file)
    forms = {"cosign 3 bundle": new, "cosign 2 tags": (*OLD, *services)}
    return Signer(
        {form: ("--identity-token", token, *options) for form, options in forms.items()},
        ("--keyless", "--trust-config", sigstore.trust_config_file, "--identity-token", token),
        stand.environment(folder, TUF_ROOT=str(folder / "tuf"), **sigstore.targets),
        believer(f"https://{PIPELINE}"),
        believer("https://git.example.com/mallory"),
        "other-identity",
        "no matching CertificateIdentity found",
    )


@dataclass(frozen=True)
class Bench:
    """Where images are pushed, signed and judged."""

    registry: str
    folder: Path
    signers: Mapping[str, Signer]
    made: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @functools.cached_property
    def layout(self) -> Layout:
        return samples.two_platforms(self.folder / "layout")

    def push(self, name: str, over: str) -> tuple[str, str]:
        """The image in a repository of its own: NAME@DIGEST of its index, and of what is to be signed."""
        repository = f"{self.registry}/formats/{name}"
        env = stand.environment(self.folder)
        stand.run(stand.tool("crane"), "push", "--index", self.layout.path, f"{repository}:1", env=env)
        index = self.layout.image
        digest = index if over == "index" else self.layout.read(index)["manifests"][0]["digest"]
        return f"{repository}@{index}", f"{repository}@{digest}"

    @functools.cached_property
    def predicates(self) -> Mapping[str, Path]:
        """What cosign is given to sign: BuildKit's own provenance, and an SBOM."""
        held = self.layout.read(self.layout.read(self.layout.image)["manifests"][1]["digest"])
        provenance = self.layout.read(held["layers"][0]["digest"])["predicate"]
        files = {what: self.folder / f"{what}.json" for what in TYPES}
        files["provenance"].write_text(json.dumps(provenance))
        files["SBOM"].write_text(json.dumps(SBOM))
        return files

    @functools.cached_property
    def questions(self) -> Mapping[str, tuple[str, Options]]:
        """The check that names the evidence, and how attest is asked for it."""
        policy = self.folder / "policy.toml"
        policy.write_text('schema = "policy.v1"\n\n[sbom]\nrequired = true\ncomponents = true\n')
        return {
            "signature": ("signature.valid", ("--signature-only",)),
            "provenance": ("signer.identity", BUILT_FROM),
            "SBOM": ("sbom.present", ("--policy", policy)),
        }

    def sign_with_cosign(self, who: str, form: str, what: str, target: str) -> None:
        signer = self.signers[who]
        of_what: Options = ("sign",)
        if what != "signature":
            of_what = ("attest", "--type", COSIGN_TYPES[what], "--predicate", self.predicates[what])
        stand.run(stand.tool("cosign"), *of_what, *signer.cosign[form], "--yes", target, env=signer.environment)

    def sign_with_attest(self, who: str, image: str, *options: str) -> None:
        signer = self.signers[who]
        done = attest("sign", image, *signer.attest, *options, env=signer.environment, cwd=self.folder)
        assert done.code == 0, done

    def published(self, who: str) -> Mapping[str, str]:
        """The index and the platform of an image of which attest signed everything."""
        if who not in self.made:
            index, platform = self.push(f"{who}-published", "platform")
            self.sign_with_attest(who, index, *SOURCE)
            self.made[who] = {"index": index, "platform": platform}
        return self.made[who]


@pytest.fixture(scope="module")
def bench(registry: str, cosign: stand.Cosign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("formats")
    (folder / "sigstore").mkdir()
    with real_sigstore(folder / "sigstore", GITLAB) as sigstore:
        signers = {"key": holder_of_a_key(folder, cosign), "keyless": pipeline(folder, sigstore)}
        bench = Bench(registry, folder, signers)
        # Go's writers leave out a log index of 0, which sigstore's library refuses: let nobody's entry be the first.
        bench.sign_with_cosign("keyless", "cosign 3 bundle", "signature", bench.push("first", "index")[1])
        yield bench


# --- cosign signs, attest judges --------------------------------------------------------------------------------------


def attached(target: str, form: str, what: str) -> str:
    """The digest of the one thing that cosign attached."""
    name, _, digest = target.partition("@")
    if form == "cosign 2 tags":
        suffix = "sig" if what == "signature" else "att"
        holder = pushed.manifest(f"{name}:{digest.replace(':', '-')}.{suffix}")
    else:
        referrers = [pushed.manifest(f"{name}@{referrer}") for referrer in pushed.referrers(target)]
        # BuildKit's attestation manifest names the platform as its subject, and hangs off it too.
        (holder,) = [one for one in referrers if one["artifactType"] == SIGSTORE_BUNDLE]
    (layer,) = holder["layers"]
    return str(layer["digest"])


def report(image: str, believer: Believer, *options: str | Path, folder: Path) -> Any:
    done = attest(
        "verify", image, *believer.attest, *options, "--format", "json", env=stand.environment(folder), cwd=folder
    )
    return json.loads(done.out)


@pytest.mark.parametrize(("who", "form", "over", "what"), BY_COSIGN)
def test_attest_accepts_what_cosign_signed(who: str, form: str, over: str, what: str, bench: Bench) -> None:
    signer = bench.signers[who]
    index, target = bench.push(f"{who}-{form.replace(' ', '-')}-{over}-{what.lower()}", over)
    bench.sign_with_cosign(who, form, what, target)
    evidence = attached(target, form, what)
    # An image signature over one platform is one of that platform, not of the index.
    image = target if what == "signature" else index
    narrowed = PLATFORM if what != "signature" and over == "platform" else ()
    question, asked = bench.questions[what]

    passed = report(image, signer.believer, *asked, *narrowed, folder=bench.folder)
    refused = report(image, signer.other, *asked, *narrowed, folder=bench.folder)

    answers = {(check["status"], *check["evidence"]) for check in passed["checks"] if check["id"] == question}
    assert answers == {("passed", evidence)}, json.dumps(passed, indent=1)
    # An SBOM says nothing of the source, and a verification that expects nothing of that never passes.
    assert passed["verdict"] == ("unknown" if what == "SBOM" else "passed"), json.dumps(passed, indent=1)
    assert {check.get("reason") for check in refused["checks"] if check["id"] == question} == {signer.refusal}


# --- attest signs, cosign judges --------------------------------------------------------------------------------------


def judged(what: str, target: str, believer: Believer, signer: Signer) -> list[Any]:
    """What cosign verified: payloads of image signatures, or statements. Raises AssertionError with its words."""
    if what == "signature":
        said = stand.run(stand.tool("cosign"), "verify", *believer.cosign, target, env=signer.environment)
        payloads: list[Any] = json.loads(said)
        return payloads
    kind = ("--type", COSIGN_TYPES[what])
    said = stand.run(
        stand.tool("cosign"), "verify-attestation", *kind, *believer.cosign, target, env=signer.environment
    )
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in said.splitlines()]


@pytest.mark.parametrize(("who", "_", "over", "what"), BY_ATTEST)
def test_cosign_accepts_what_attest_signed(who: str, _: str, over: str, what: str, bench: Bench) -> None:
    signer = bench.signers[who]
    if what == "signature":
        _, target = bench.push(f"{who}-attest-{over}-signature", over)
        bench.sign_with_attest(who, target, "--signature-only")
    else:
        target = bench.published(who)[over]
    digest = target.partition("@")[2]

    found = judged(what, target, signer.believer, signer)
    if what == "signature":
        said = [(one["critical"]["type"], one["critical"]["image"]["docker-manifest-digest"]) for one in found]
        assert said == [(COSIGN_SIGN, digest)]
    else:
        assert {one["predicateType"] for one in found} == {TYPES[what]}
        for one in found:
            assert digest.partition(":")[2] in [subject["digest"]["sha256"] for subject in one["subject"]]
        # The index carries one for each of its two platforms.
        assert len(found) == (2 if over == "index" else 1)
    with pytest.raises(AssertionError, match=signer.cosign_refusal):
        judged(what, target, signer.other, signer)
