"""One document, two parsers: what a signature covers, and what is read out of it, must not depend on who reads."""

from __future__ import annotations

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused, trouble, unknown
from tests.attacks.certified import CertifiedBundle, Sigstore
from tests.attacks.ways import Way
from tests.authority import text


@pytest.fixture
def statement(pushed: images.Pushed) -> bytes:
    return images.embedded(images.local_build(), pushed.digest)


TWICE = [
    b',"predicateType":"https://example.com/x"}',
    b',"subject":[]}',
    b',"predicate":{}}',
    b',"_type":"https://in-toto.io/Statement/v1"}',
]


@pytest.mark.parametrize("again", TWICE)
def test_a_statement_with_a_key_twice_proves_nothing(
    again: bytes, way: Way, pushed: images.Pushed, statement: bytes
) -> None:
    """Its signature holds: whoever made it may have been made to sign it."""
    way.attest(pushed, statement[:-1] + b',"other":1}')
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement[:-1] + again)

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance")


def test_what_could_not_be_read_is_said(way: Way, pushed: images.Pushed, statement: bytes) -> None:
    way.attest(pushed, statement[:-1] + TWICE[0])

    check = trouble(way.ask(pushed, REPOSITORY_AND_COMMIT))

    assert "occurs twice" in " ".join((check.summary, *check.found, check.hint))


@pytest.mark.parametrize("where", ["payload", "signature"])
@pytest.mark.parametrize("loose", ["{head}\n{tail}", " {head}{tail}", "{head}-{tail}", "{head}\0{tail}"])
def test_base64_is_not_read_loosely(loose: str, where: str, way: Way, pushed: images.Pushed, statement: bytes) -> None:
    """Python's own decoder skips what is no base64, Go's skips line breaks, others take base64url."""

    def loosen(envelope: images.Predicate) -> None:
        holder, name = (envelope, "payload") if where == "payload" else (envelope["signatures"][0], "sig")
        holder[name] = loose.format(head=holder[name][:8], tail=holder[name][8:])

    way.attest(pushed, statement, loosen)

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance")


@pytest.mark.parametrize("name", ["dsse_envelope", "DsseEnvelope", "dsseenvelope"])
def test_an_envelope_in_another_spelling_opens_nothing(
    name: str, sigstore: Sigstore, pushed: images.Pushed, statement: bytes
) -> None:
    """Protobuf's JSON has two names for each field, Go's none that it would not take."""
    form = CertifiedBundle(sigstore)
    bundle = form.attest(pushed, statement)
    assert passed(form.ask(pushed, REPOSITORY_AND_COMMIT))

    forged = images.embedded(images.local_build(images.OTHER_COMMIT), pushed.digest)
    genuine = bundle["dsseEnvelope"]
    bundle |= {name: genuine, "dsseEnvelope": {**genuine, "payload": text(forged)}}
    form.hang(pushed, bundle)

    refused(form.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "certificate", "failed to load bundle")
