"""`attest verify --vsa-output`: what was found out, for others to rely on; signed and attached if asked."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from attest.cli.main import say
from attest.cli.options import require_place, stated, write_output
from attest.errors import UsageError
from attest.oci.interface import Store
from attest.policy.report import Report, Status

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class SummaryWanted:
    """What the --vsa-… options say."""

    output: Path | None
    key: str | None
    attach: bool

    def require_possible(self, images: Sequence[str], has_policy: bool) -> None:
        """Raises UsageError or NotWritable for what cannot be done, before anything is asked of a registry."""
        if self.output is None and (self.key or self.attach):
            raise UsageError("--vsa-key and --vsa-attach need --vsa-output FILE")
        if self.output is None:
            return
        if self.attach and not self.key:
            raise UsageError("--vsa-attach: only a signed summary is worth attaching", "", "Add --vsa-key FILE.")
        if not has_policy:
            raise UsageError("--vsa-output: a summary names the policy that was applied", "", "Add --policy FILE.")
        if len(images) > 1:
            raise UsageError("--vsa-output takes one IMAGE", "", "Call attest once for each.")
        require_place(self.output)

    def write(self, report: Report, open_store: Callable[[], Store]) -> None:
        """Write, and on request sign and attach, the summary of this report. Raises StoreError, InvalidKey."""
        if self.output is None:
            return
        if report.verdict is Status.UNKNOWN or not report.about:
            say("attest: no summary was written: nothing was decided, and a summary says passed or failed")
            return
        if report.rests_on_summary:
            say("attest: no summary was written: the verdict rests on one, which summed up again would never be old")
            return
        from attest.policy.summaries import SUMMARY, summary_of

        statement = summary_of(report)
        if self.key is None:
            write_output(self.output, statement + b"\n")
            return
        from attest.trust.keys import load_signing_key
        from attest.trust.signing.statements import sign_statement

        signed = sign_statement(statement, SUMMARY, load_signing_key(self.key, os.environ))
        write_output(self.output, signed.content + b"\n")
        if self.attach:
            from attest.attaching import attach

            store = open_store()
            attach(store, [(signed, (store.resolve(),))])


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
