"""Whom a policy and a command line believe together: flags only tighten, and nobody is believed for ever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.errors import InvalidKey, UsageError
from attest.evidence.bundle import Bundle
from attest.policy.policy import KeyRoot, Policy, TrustRules
from attest.policy.report import Status
from attest.policy.roots import believed, needs_roots
from attest.trust.identity import CertifiedSigner, ExpectedIdentity, NotVerified
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.scope import Scope
from attest.trust.signatures import Trust
from tests import images
from tests.policies import IDENTITY, ISSUER, PIPELINE, Signed, answers, by_certificate, by_key, policy, saying, the
from tests.pretended_roots import PretendedRoots

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
NOW: Final = datetime.now(UTC)
DAY: Final = timedelta(days=1)
NOBODY: Final = PretendedRoots(())
EXACT: Final = ExpectedIdentity(IDENTITY, ISSUER)
ALL_TAGS: Final = ExpectedIdentity(f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/tags/.*", ISSUER, is_pattern=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def saved(folder: Path, key: SigningKey, name: str) -> str:
    path = folder / name
    path.write_bytes(key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(path)


def trusting(*keys: KeyRoot, identities: tuple[ExpectedIdentity, ...] = (), denied: tuple[str, ...] = ()) -> Policy:
    return policy(trust=TrustRules(keys, identities, None, denied))


# --- Both together


def test_without_a_policy_the_flags_say_who_is_believed() -> None:
    key = images.new_key().public
    trust = believed(None, (key,), (EXACT,), NOBODY, {})
    assert (trust.keys, trust.identities, trust.denied) == ((key,), (EXACT,), frozenset())
    assert believed(None, (), (), None, {}).is_empty


def test_the_roots_of_a_policy_are_believed_as_far_as_it_says(folder: Path) -> None:
    key, scope = images.new_key(), Scope(level=2, origin="policy.toml:3")
    rules = trusting(KeyRoot(saved(folder, key, "a.pub"), scope), identities=(EXACT,))
    trust = believed(rules, (), (), NOBODY, {})
    assert [(one.fingerprint, one.scope) for one in trust.keys] == [(key.public.fingerprint, scope)]
    assert trust.identities == (EXACT,)


def test_a_policy_that_names_nobody_leaves_it_to_the_flags() -> None:
    key = images.new_key().public
    assert believed(policy(), (key,), (), None, {}).keys == (key,)
    assert believed(policy(), (), (), None, {}).is_empty
    report = Signed(images.push({"linux/amd64": None}), images.new_key(), Trust()).ask(policy())
    assert (report.verdict, answers(report)["signer.identity"]) == (UNKNOWN, "no-trust")


def test_a_flag_chooses_among_the_keys_of_the_policy_and_adds_none(folder: Path) -> None:
    one, other, stranger = images.new_key(), images.new_key(), images.new_key()
    roots = [KeyRoot(saved(folder, key, name), Scope(level=2)) for key, name in ((one, "a"), (other, "b"))]
    rules = trusting(*roots, identities=(EXACT,))

    trust = believed(rules, (one.public,), (), NOBODY, {})

    assert [(key.fingerprint, key.scope.level) for key in trust.keys] == [(one.public.fingerprint, 2)]
    assert trust.identities == ()
    with pytest.raises(UsageError, match="not a root of trust"):
        believed(rules, (one.public, stranger.public), (), NOBODY, {})


def test_a_flag_does_not_widen_what_a_policy_believes_of_a_key(folder: Path) -> None:
    key = images.new_key()
    rules = trusting(KeyRoot(saved(folder, key, "a.pub"), Scope(level=1, not_after=NOW - DAY)))
    bold = replace(key.public, scope=Scope(level=3, is_isolated=True))
    assert believed(rules, (bold,), (), NOBODY, {}).keys[0].scope == rules.trust.keys[0].scope


@pytest.mark.parametrize(
    ("of_policy", "flag", "accepts_exact", "accepts_other"),
    [
        (EXACT, EXACT, True, False),
        (ALL_TAGS, EXACT, True, False),
        (ALL_TAGS, ALL_TAGS, True, True),
        (EXACT, ALL_TAGS, True, False),
        (ALL_TAGS, replace(ALL_TAGS, name=".*"), True, True),
        (replace(ALL_TAGS, name=f"{ISSUER}/acme/app//.*v1.*"), replace(ALL_TAGS, name=".*2.*"), False, False),
    ],
)
def test_an_identity_must_be_one_of_both(
    of_policy: ExpectedIdentity, flag: ExpectedIdentity, accepts_exact: bool, accepts_other: bool
) -> None:
    other = IDENTITY.replace(images.TAG, "v2.0.0")
    trust = believed(trusting(identities=(of_policy,)), (), (flag,), NOBODY, {})
    assert any(one.accepts(IDENTITY, ISSUER) for one in trust.identities) is accepts_exact
    assert any(one.accepts(other, ISSUER) for one in trust.identities) is accepts_other
    assert not any(one.accepts(f"{ISSUER}/evil", ISSUER) for one in trust.identities)


@pytest.mark.parametrize(
    "flag",
    [
        replace(EXACT, name=IDENTITY.replace("app", "evil")),
        replace(EXACT, issuer="https://evil.test"),
        replace(ALL_TAGS, name=f"{ISSUER}/evil/.*"),
        replace(ALL_TAGS, issuer="https://evil.test"),
    ],
)
def test_an_identity_that_no_root_can_be_is_refused(flag: ExpectedIdentity) -> None:
    for of_policy in (EXACT, *((ALL_TAGS,) if flag.issuer != ISSUER or not flag.is_pattern else ())):
        with pytest.raises(UsageError, match="no root of trust"):
            believed(trusting(identities=(of_policy,)), (), (flag,), NOBODY, {})


def test_an_identity_keeps_how_far_the_policy_believes_it() -> None:
    scoped = replace(ALL_TAGS, scope=Scope(level=2, not_after=NOW))
    trust = believed(trusting(identities=(scoped,)), (), (replace(EXACT, scope=Scope(level=3)),), NOBODY, {})
    assert [one.scope for one in trust.identities] == [scoped.scope]


def test_a_key_that_cannot_be_read_is_said(folder: Path) -> None:
    for rules in (trusting(KeyRoot(str(folder / "none.pub"), Scope())), trusting(denied=(str(folder / "none.pub"),))):
        with pytest.raises(InvalidKey, match=r"none\.pub"):
            believed(rules, (), (), None, {})


def test_roots_are_needed_for_certificates_and_for_windows() -> None:
    assert not needs_roots((), ())
    assert not needs_roots((KeyRoot("a.pub", Scope(level=2)),), ())
    assert needs_roots((KeyRoot("a.pub", Scope(not_before=NOW)),), ())
    assert needs_roots((KeyRoot("a.pub", Scope(not_after=NOW)),), ())
    assert needs_roots((), (EXACT,))


# --- Denied keys


@pytest.mark.parametrize("spelling", ["fingerprint", "file"])
@pytest.mark.parametrize("names_roots", [True, False])
def test_a_denied_key_is_believed_no_longer_whoever_names_it(folder: Path, spelling: str, names_roots: bool) -> None:
    signed = by_key(images.local_build())
    path = saved(folder, signed.key, "leaked.pub")
    denied = path if spelling == "file" else signed.key.public.fingerprint
    roots = (KeyRoot(path, Scope()),) if names_roots else ()
    honest = replace(signed, trust=believed(trusting(*roots), (signed.key.public,), (), None, {}))
    assert honest.ask(policy()).verdict is PASSED

    for flags in ((), (signed.key.public,)) if names_roots else ((signed.key.public,),):
        trust = believed(trusting(*roots, denied=(denied,)), flags, (), None, {})
        report = replace(signed, trust=trust).ask(policy())
        assert report.verdict is FAILED
        assert answers(report)["signer.identity"] == "denied"


def test_what_a_believed_key_signed_too_is_not_lost_by_a_denied_one() -> None:
    signed = by_key(images.local_build())
    images.sign_provenance(signed.pushed, "linux/amd64", images.local_build(), leaked := images.new_key())
    trust = Trust((signed.key.public, leaked.public), denied=frozenset({leaked.public.fingerprint}))
    assert replace(signed, trust=trust).ask(policy()).verdict is PASSED


def test_a_denied_key_s_statement_contradicts_nothing() -> None:
    signed = by_key(images.local_build())
    images.sign_provenance(signed.pushed, "linux/amd64", images.local_build("", "https://evil.test/a/b"), signed.key)
    assert signed.ask(policy()).verdict is FAILED
    leaked = images.new_key()
    other = by_key(images.local_build())
    images.sign_provenance(other.pushed, "linux/amd64", images.local_build("", "https://evil.test/a/b"), leaked)
    trust = Trust((other.key.public, leaked.public), denied=frozenset({leaked.public.fingerprint}))
    assert replace(other, trust=trust).ask(policy()).verdict is PASSED


def test_a_denied_key_s_image_signature_opens_nothing() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_index(pushed, key)
    assert Signed(pushed, key, Trust((key.public,))).ask(policy(signature_required=True)).verdict is PASSED
    denied = Trust((key.public,), denied=frozenset({key.public.fingerprint}))
    report = Signed(pushed, key, denied).ask(policy(signature_required=True))
    assert answers(report)["signature.valid"] == "denied"


# --- Windows


NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Seen(PretendedRoots):
    """A log that saw every signature at one time; at NEVER what came from the log does not hold."""

    signers: tuple[tuple[PublicKey, CertifiedSigner], ...] = ()
    at: datetime | None = None

    def time_of(self, bundle: Bundle, key: PublicKey) -> datetime | None:
        if self.at == NEVER:
            raise NotVerified("the promise does not hold")
        return self.at


PAST: Final = Scope(not_before=NOW - 20 * DAY, not_after=NOW - 10 * DAY)
PRESENT: Final = Scope(not_before=NOW - DAY, not_after=NOW + DAY)


@pytest.mark.parametrize(
    ("scope", "seen", "reason"),
    [
        (PRESENT, None, "outside-window"),
        (PRESENT, NOW - DAY / 2, ""),
        (Scope(not_after=NOW + DAY), None, ""),
        (Scope(not_before=NOW - DAY), None, "outside-window"),
        (PAST, None, "outside-window"),
        (PAST, NOW - 15 * DAY, ""),
        (PAST, NOW - 5 * DAY, "outside-window"),
        (PAST, NOW - 25 * DAY, "outside-window"),
        (PRESENT, NOW - 15 * DAY, "outside-window"),
        (PAST, NEVER, "bad-signature"),
        (Scope(not_before=NOW + DAY), None, "outside-window"),
        (Scope(not_after=NOW - DAY), None, "outside-window"),
    ],
)
def test_a_key_is_believed_of_what_it_signed_in_its_time(scope: Scope, seen: datetime | None, reason: str) -> None:
    """Where no log proves when it signed, it was before now, and that it was after anything, nobody knows.

    Whoever stole a key would say that it was long ago, and whoever takes the proof away must win nothing by it.
    """
    signed = by_key(images.local_build(), scope=scope)
    report = replace(signed, trust=replace(signed.trust, roots=Seen(at=seen))).ask(policy())
    assert report.verdict is (FAILED if reason else PASSED)
    assert not reason or the(report, "signer.identity").reason == reason


def test_a_key_may_be_believed_of_several_times_and_then_as_far_as_the_time_allows() -> None:
    signed = by_key(images.local_build())
    early, late = (
        replace(signed.key.public, scope=replace(scope, level=level)) for scope, level in ((PAST, 3), (PRESENT, 2))
    )
    for keys in ((early, late), (late, early)):
        for seen, level in ((NOW - 15 * DAY, 3), (NOW, 2)):
            report = replace(signed, trust=Trust(keys, roots=Seen(at=seen))).ask(policy())
            assert (report.verdict, report.level.reached) == (PASSED, level)


def test_of_several_roots_for_one_signer_the_one_that_believes_it_furthest_counts() -> None:
    for order in ((1, 3), (3, 1)):
        signed = by_key(images.local_build())
        keys = tuple(replace(signed.key.public, scope=Scope(level=level)) for level in order)
        assert replace(signed, trust=Trust(keys)).ask(policy()).level.reached == 3
        pipeline = by_certificate(images.local_build())
        identities = tuple(replace(EXACT, scope=Scope(level=level)) for level in order)
        assert replace(pipeline, trust=replace(pipeline.trust, identities=identities)).ask(policy()).level.reached == 3


@pytest.mark.parametrize(
    ("start", "verdict"), [(NOW - 15 * DAY, PASSED), (NOW - 20 * DAY, PASSED), (NOW - 21 * DAY, FAILED), (NOW, FAILED)]
)
def test_an_identity_is_believed_of_certificates_of_its_time(start: datetime, verdict: Status) -> None:
    signer = replace(PIPELINE, not_before=start, not_after=start + timedelta(minutes=10))
    report = by_certificate(images.local_build(), signer=signer, scope=PAST).ask(policy())
    assert report.verdict is verdict
    if verdict is FAILED:
        assert answers(report)["signer.identity"] == "outside-window"


def test_an_identity_is_believed_as_far_as_the_time_allows() -> None:
    past, present = (replace(EXACT, scope=replace(scope, level=level)) for scope, level in ((PAST, 3), (PRESENT, 2)))
    for start, level in ((NOW - 15 * DAY, 3), (NOW, 2)):
        signer = replace(PIPELINE, not_before=start, not_after=start + timedelta(minutes=10))
        signed = by_certificate(images.local_build(), signer=signer)
        for identities in ((past, present), (present, past)):
            report = replace(signed, trust=replace(signed.trust, identities=identities)).ask(policy())
            assert (report.verdict, report.level.reached) == (PASSED, level)


def test_a_certificate_that_outlives_the_window_is_outside_it() -> None:
    signer = replace(PIPELINE, not_before=NOW - 11 * DAY, not_after=NOW)
    assert by_certificate(images.local_build(), signer=signer, scope=PAST).ask(policy()).verdict is FAILED


def test_of_several_roots_the_one_that_speaks_for_the_builder_counts() -> None:
    signed = by_key(saying(images.local_build(), builder="https://builder.test"))
    keys = (
        replace(signed.key.public, scope=Scope(level=3, builders=("https://other.test",))),
        replace(signed.key.public, scope=Scope(level=2)),
    )
    assert replace(signed, trust=Trust(keys[1:])).ask(policy()).level.reached == 2
    assert replace(signed, trust=Trust(keys)).ask(policy()).level.reached == 2
