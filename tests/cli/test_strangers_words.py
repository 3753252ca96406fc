"""What images, registries and layouts say of themselves is shown, and cannot do more than that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attest.cli.inspection_text import render_inspections
from attest.cli.reports.documents import render_json
from attest.cli.reports.text import render_text
from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.oci.image import load_image
from attest.policy.expectations import Expectations
from attest.trust.signatures import Trust
from attest.trust.signing.statements import SignedBundle
from attest.verification import verify_reference
from tests import images

CLEAR = "\x1b[2J\x1b[32mPASSED"


def hostile() -> images.Pushed:
    """Control characters wherever a stranger can put them."""
    pushed = images.push({f"{CLEAR}/amd64": images.local_build(f"{CLEAR}-dirty", f"https://{CLEAR}/a")})
    payload = images.embedded({}, pushed.digest, predicate_type=f"https://example.com/{CLEAR}")
    images.attach(pushed.store, images.bundle_of(payload, [b"x"], hint=CLEAR), pushed.root)
    return pushed


def test_no_control_character_reaches_the_terminal() -> None:
    pushed = hostile()
    report = verify_reference(pushed.store, Trust((images.new_key().public,)), Expectations(commit=images.COMMIT))
    image, evidence = fetch(pushed.store)

    shown = render_text([report]) + render_inspections([inspection(image, evidence)])

    assert "PASSED" in shown
    assert CLEAR not in shown
    assert "\x1b[2J" not in shown


def test_json_says_exactly_what_was_found() -> None:
    image = load_image(hostile().store)
    document = json.loads(render_json([verify_reference(hostile().store, Trust(), Expectations())]))
    assert document["image"]["platforms"] == [f"{CLEAR}/amd64"] == [str(image.platforms[0].platform)]


@pytest.mark.parametrize("name", ["payload", "sig"])
def test_a_bundle_that_is_not_ascii_is_rubbish_and_no_stack_trace(name: str) -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    good = images.bundle_of(images.embedded({}, pushed.digest), [b"x"])
    document = json.loads(good.content)
    envelope = document["dsseEnvelope"]
    (envelope if name == "payload" else envelope["signatures"][0])[name] = "é"
    images.attach(pushed.store, SignedBundle(json.dumps(document).encode(), "x"), pushed.root)
    images.sign_claim(pushed, "linux/amd64", {"tagObject": "é"}, key)

    assert verify_reference(pushed.store, Trust((key.public,)), Expectations(commit=images.COMMIT)).exit_code == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_character_is_no_stack_trace(encoding: str, tmp_path: Path) -> None:
    from attest.cli.demo import RECORDING

    command = [sys.executable, "-m", "attest", "inspect", f"oci-layout:{RECORDING}"]
    env = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONIOENCODING": encoding}
    for form in ("text", "json"):
        done = subprocess.run([*command, "--format", form], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
