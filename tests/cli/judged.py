"""Reports to be shown: one for each way in which a verification can end, and one full of what strangers may write."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from attest.errors import Unauthorised, Unreachable
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Claim, Level, Path, Report, Status, Trusted
from attest.reference import Digest
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images

AMD64: Final = "linux/amd64"
ARM64: Final = "linux/arm64"
TIME: Final = "2026-11-24T12:00:00Z"
DIGEST: Final = Digest.of(b"an image")
STATEMENT: Final = Digest.of(b"a statement")

# What moves a cursor, reverses a line, ends a CDATA section, a comment, a cell, a code span or an element, begins a
# link, a mention or a reference, has no encoding, or has no end.
HOSTILE: Final = (
    "\x1b[2J\x1b[32mPASSED\r\n\x00\x7f\x85\u202egnp\u2066\ufffe\ud800",
    "]]> --> <!-- & </failure></testcase><script>alert(1)</script> <img src=x onerror=alert(1)>",
    "| `a` ``b`` ``` \\| \\` | @everyone #1 !2 $`x`$ [here](https://evil.example) ![](https://evil.example/x) **x**",
    "`|`\n\n# PASSED\n\n- [x] passed\n| passed | passed |\n::set-output name=x::y\n[[ATTACHMENT|/etc/passwd]]",
    "very-long-" * 300,
)


@cache
def judged() -> dict[str, Report]:
    """By the exit code that each has."""
    key = images.new_key()
    lost, refusing = _signed(), _signed()
    lost.store.errors[lost.digest] = Unreachable("registry.test: no answer", "", "Try again.")
    refusing.store.errors[refusing.digest] = Unauthorised("registry.test/acme/app: refused", "HTTP 401", "Log in.")
    signed = _signed()
    images.sign_provenance(signed, AMD64, images.local_build(), key)
    trust = Trust((key.public,))
    here = Expectations(images.REPOSITORY, images.COMMIT)
    found = {
        "passed": verify_reference(signed.store, trust, here),
        "failed": verify_reference(signed.store, trust, Expectations(commit=images.OTHER_COMMIT)),
        "unknown": verify_reference(signed.store, trust, Expectations(tag=images.TAG)),
        "unreachable": verify_reference(lost.store, trust, here),
        "refused": verify_reference(refusing.store, trust, here),
    }
    assert [report.exit_code for report in found.values()] == [0, 1, 3, 3, 4]
    return found


def _signed() -> images.Pushed:
    return images.push({AMD64: images.local_build()})


def report(*checks: Check, claims: tuple[Claim, ...] = (), platforms: tuple[str, ...] = (AMD64,)) -> Report:
    """A report of these checks."""
    return Report("registry.test/acme/app:1.0.0", DIGEST, platforms, checks, claims=claims, time=TIME)


def hostile(value: str, status: Status = Status.FAILED) -> Report:
    """A stranger's words wherever strangers' words can stand; the honest part of it is one check that passed."""
    reason = "" if status is Status.PASSED else "other-tag"
    bad = Check(
        "source.tag", status, f"built from tag {value}", reason, f"linux/{value}", found=(value,), hint=f"Ask {value}."
    )
    return replace(
        report(
            Check("image.digest", Status.PASSED, "every manifest matches its digest"),
            bad,
            claims=(
                Claim("tag", value, "signer", STATEMENT, f"linux/{value}", counts=False),
                Claim("branch", value, "certificate", STATEMENT, f"linux/{value}"),
            ),
            platforms=(f"linux/{value}",),
        ),
        reference=f"oci-layout:{value}:v1.0.0",
        narrowed=(f"linux/{value}",),
        trusted=(Trusted("certificate", value, value),),
        level=Level(0, f"nothing is known of {value}"),
        paths=(Path(f"linux/{value}", STATEMENT, (DIGEST,)),),
    )
