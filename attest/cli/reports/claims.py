"""What the trusted statements say of the source: a row for each fact, a column for each voucher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from attest.evidence.repository import same_repository
from attest.policy.report import Claim, Report, SourceFact

Voucher = Literal["certificate", "builder", "signer", "client"]
VOUCHERS: Final[tuple[Voucher, ...]] = get_args(Voucher)  # the strongest first

Cells = Mapping[Voucher, Mapping[str, bool]]  # each value, and whether it counts


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """All that is said of one fact; `platform` is empty where the same is said of every platform of the image."""

    fact: SourceFact
    platform: str
    cells: Cells


def claim_rows(report: Report) -> Iterator[ClaimRow]:
    """The rows in the order of the facts; one for each platform only where platforms differ."""
    for fact in get_args(SourceFact):
        claims = [claim for claim in report.claims if claim.fact == fact]
        platforms = dict.fromkeys(claim.platform for claim in claims)
        said = {name: _cells([claim for claim in claims if claim.platform == name]) for name in platforms}
        rows = list(said.items())
        if said.keys() >= set(report.platforms) and all(cells == rows[0][1] for _, cells in rows[1:]) and rows:
            yield ClaimRow(fact, "", rows[0][1])
        else:
            yield from (ClaimRow(fact, platform, cells) for platform, cells in rows)


def _is_same(claim: Claim, known: str) -> bool:
    """One repository has many spellings."""
    return claim.value == known or (claim.fact == "repository" and same_repository(claim.value, known))


def _cells(claims: list[Claim]) -> Cells:
    cells: dict[Voucher, dict[str, bool]] = {}
    for claim in claims:
        values = cells.setdefault(claim.vouched_by, {})
        value = next((known for known in values if _is_same(claim, known)), claim.value)
        values[value] = values.get(value, False) or claim.counts
    return cells
