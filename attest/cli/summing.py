"""`attest verify --vsa-output`: what was found out, for others to rely on; signed and attached if asked."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attest.cli.main import say
from attest.cli.options import require_place, stated, write_output
from attest.errors import AttestError, UsageError
from attest.oci.interface import Store
from attest.policy.report import Report, Status

if TYPE_CHECKING:
    from attest.policy.policy import Policy
    from attest.trust.keys import SigningKey
    from attest.trust.signatures import Trust

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class SummaryWanted:
    """What the --vsa-… options say."""

    output: Path | None
    key: str | None
    attach: bool

    def prepare(self, images: Sequence[str], policy: Policy | None, trust: Trust) -> SigningKey | None:
        """The key to sign with, opened before anything is asked of a registry.

        Raises UsageError, InvalidKey, StoreError or NotWritable for what cannot be done.
        """
        if self.output is None and (self.key or self.attach):
            raise UsageError("--vsa-key and --vsa-attach need --vsa-output FILE")
        if self.output is None:
            return None
        if self.attach and not self.key:
            raise UsageError("--vsa-attach: only a signed summary is worth attaching", "", "Add --vsa-key FILE.")
        if policy is None:
            raise UsageError("--vsa-output: a summary names the policy that was applied", "", "Add --policy FILE.")
        if len(images) > 1:
            raise UsageError("--vsa-output takes one IMAGE", "", "Call attest once for each.")
        require_place(self.output)
        return _signing_key(self.key, policy, trust) if self.key else None

    def write(self, report: Report, key: SigningKey | None, open_store: Callable[[], Store]) -> set[int]:
        """Write, and on request sign and attach, the summary of this report; the exit codes of what went wrong.

        What went wrong must not hide the verdict.
        """
        if self.output is None:
            return set()
        if report.verdict is Status.UNKNOWN or not report.about:
            say("attest: no summary was written: nothing was decided, and a summary says passed or failed")
            return set()
        if report.summary is not None:
            say("attest: no summary was written: the verdict rests on one, which summed up again would never be old")
            return set()
        try:
            self._write(self.output, report, key, open_store)
        except AttestError as error:
            say(f"attest: {error}")
            return {error.exit_code}
        return set()

    def _write(self, output: Path, report: Report, key: SigningKey | None, open_store: Callable[[], Store]) -> None:
        from attest.policy.summaries import SUMMARY, summary_of

        statement = summary_of(report)
        if key is None:
            write_output(output, statement + b"\n")
            return
        from attest.trust.signing.statements import sign_statement

        signed = sign_statement(statement, SUMMARY, key)
        write_output(output, signed.content + b"\n")
        if self.attach:
            from attest.attaching import attach

            store = open_store()
            attach(store, [(signed, (store.resolve(),))])


def _signing_key(name: str, policy: Policy, trust: Trust) -> SigningKey:
    """Whoever signs images could else vouch that they were verified: nobody would accept such a summary."""
    from attest.policy.roots import load_root
    from attest.trust.keys import load_signing_key

    key = load_signing_key(name, os.environ)
    of_images = (*trust.keys, *(load_root(root, os.environ) for root in policy.trust.keys))
    if any(key.public.fingerprint == image_key.fingerprint for image_key in of_images):
        raise UsageError(f"--vsa-key {name}: this key signs images as well", "", "Give the verifier a key of its own.")
    return key


def summary_options(command: F) -> Callable[..., int]:
    """The command gets them as one `summary`."""

    @functools.wraps(command)
    def bundled(vsa_output: Path | None, vsa_key: str | None, vsa_attach: bool, **rest: Any) -> int:
        return int(command(summary=SummaryWanted(vsa_output, vsa_key, vsa_attach), **rest))

    path = click.Path(dir_okay=False, path_type=Path)
    output = click.option(
        "--vsa-output", metavar="FILE", type=path, help="Write a SLSA verification summary; needs --policy."
    )
    key = click.option("--vsa-key", metavar="FILE", callback=stated, help="Sign it with this private key.")
    hang = click.option("--vsa-attach", is_flag=True, help="Attach the signed summary to the image.")
    return output(key(hang(bundled)))
