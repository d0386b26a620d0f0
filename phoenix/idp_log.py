"""The processing log that goes to the archive with a product (ANCILLARY.README)."""

from collections.abc import Iterator

from association.planner import ifu_ranges
from phoenix.db.models import Association, Score
from phoenix.evidence import Evidence
from qc.flags import ScoreFlag


def processing_log(evidence: Evidence, flag: ScoreFlag) -> str:
    """Return the log: frames, recipe calls, calibrations and why, scores."""
    return "\n".join(
        [
            *_head(evidence, flag),
            *_section("Raw frames", _raws(evidence)),
            *_section("Recipe calls", _calls(evidence)),
            *_section("Calibrations", _calibrations(evidence)),
            *_section("Score flag", _bits(flag)),
            *_section("Process checks", _checks(evidence.product.scores)),
            *_section("Remarks", evidence.block.notes or ["none"]),
            "",
        ]
    )  # fmt: skip


def _head(evidence: Evidence, flag: ScoreFlag) -> Iterator[str]:
    block = evidence.block
    yield f"{block.name}: {block.target}, programme {block.prog_id}, OB {block.obs_id}"
    yield f"score {flag} ({flag.tally})"


def _section(title: str, lines: "Iterator[str] | list[str]") -> Iterator[str]:
    yield ""
    yield title
    yield "-" * len(title)
    yield from lines


def _raws(evidence: Evidence) -> Iterator[str]:
    for member in evidence.block.members:
        raw = member.raw
        yield f"{member.tag:<8} {raw.name}  MJD {raw.mjd_obs:.5f}  {raw.exptime_s:.0f} s"


def _calls(evidence: Evidence) -> Iterator[str]:
    ifus: dict[tuple[str, ...], list[int]] = {}
    for job in evidence.block.jobs:
        params = ", ".join(f"{k}={v}" for k, v in sorted(job.params.items()))
        call = (job.step, job.recipe, job.version, params)
        ifus.setdefault(call, []).append(job.ifu)
    for (step, recipe, version, params), found in ifus.items():
        where = f" IFU {ifu_ranges(found)}" if any(found) else ""
        yield f"{step:<20} {recipe} {version}{where} {params}".rstrip()


def _calibrations(evidence: Evidence) -> Iterator[str]:
    seen = dict.fromkeys(
        (_calibration(row)) for row in evidence.block.associations if row.chosen
    )
    yield from seen


def _calibration(row: Association) -> str:
    level = "" if row.level is None else f"level {row.level}, "
    return f"{row.tag:<15} {row.name}: {level}{row.reason}"


def _bits(flag: ScoreFlag) -> Iterator[str]:
    for bit in flag.bits:
        yield f"{bit.number:2d} {bit.name:<11} {bit.digit}  {bit.text}"


def _checks(scores: list[Score]) -> Iterator[str]:
    for score in scores:
        if score.kind == "flag":
            yield f"{score.name:<16} {score.verdict:<8} {score.reason}"
