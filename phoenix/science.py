"""Scores of science products: the MUSE score flag bit by bit, and the process checks.

They are computed when all blocks of the month are done, since some checks compare a
product with the others of its month.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from association.score import AssociationScore
from phoenix.db.models import QC1, Block, Score
from phoenix.db.queries import with_products
from phoenix.evidence import (
    DEPTH,
    EXPECTED,
    EXPECTED_DEPTH,
    NEGATIVE,
    SNR,
    Evidence,
    finals,
    score_inputs,
)
from phoenix.measure import measure_cube
from phoenix.quality import MACHINE, decide
from phoenix.service import Service
from qc.flags import Bit, ScoreFlag, score_flag
from qc.process import (
    ProcessFlag,
    calibration_distance,
    cosmics_per_ccd,
    cosmics_per_exposure,
    depth_against_variance,
    missing_sky,
    negative_counts,
    saturation,
    snr_against_counts,
    snr_relation,
)
from qc.trend import Trend, robust_trend

DESCRIBES = "MISSING_SKY"
"""Check that describes the observation and is no fault (as bits 2 and 3 of the flag)."""


def measure_finals(service: Service, block_name: str) -> None:
    """Measure the final products of a block that were not measured yet."""
    with service.catalogue.read() as session:
        query = with_products(select(Block).where(Block.name == block_name))
        block = session.scalars(query).one()
        fresh = [e.product for e in finals(block) if NEGATIVE not in e.measured()]
    for product in fresh:
        values = measure_cube(service.store.absolute(product.path))
        with service.catalogue.write() as session:
            session.add_all(
                QC1(product_id=product.id, name=name, number=value, text=None)
                for name, value in values.items()
            )


def certify_science(service: Service, month: str) -> None:
    """Score the science products of a month that were not judged yet."""
    with service.catalogue.write() as session:
        query = with_products(
            select(Block).where(
                Block.role == "science", Block.month == month, Block.state == "done"
            )
        )
        blocks = session.scalars(query.order_by(Block.id)).all()
        everything = [evidence for block in blocks for evidence in finals(block)]
        relations = Relations(everything)
        for block in blocks:
            if block.certification == "none":
                _judge(session, block, relations)


class Relations:
    """What the products of a month have in common: SNR against counts, depth, cosmics."""

    def __init__(self, products: Iterable[Evidence]) -> None:
        pairs: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
        rates: dict[str, list[float]] = defaultdict(list)
        depths: dict[tuple[str, int], list[float]] = defaultdict(list)
        for evidence in products:
            values = evidence.measured()
            if SNR in values and EXPECTED in values:
                pairs[self._key(evidence)].append((values[SNR], values[EXPECTED]))
            if DEPTH in values and EXPECTED_DEPTH in values:
                difference = values[DEPTH] - values[EXPECTED_DEPTH]
                depths[self._key(evidence)].append(difference)
            rates[evidence.code] += [_rate(*counts) for counts in evidence.cosmics()]
        self._snr = {key: snr_relation(found) for key, found in pairs.items()}
        self._depth = {key: robust_trend(found) for key, found in depths.items()}
        self._cosmics = {code: robust_trend(found) for code, found in rates.items()}

    @staticmethod
    def _key(evidence: Evidence) -> tuple[str, int]:
        """Products of one mode and number of exposures are compared."""
        return evidence.block.mode, len(evidence.raws)

    def cosmics(self, evidence: Evidence) -> Trend | None:
        """Return the rate of cosmic rays of exposures that were resampled alike."""
        return self._cosmics.get(evidence.code)

    def snr(self, evidence: Evidence) -> Trend | None:
        """Return the relation for products like this one."""
        return self._snr.get(self._key(evidence))

    def depth(self, evidence: Evidence) -> Trend | None:
        """Return how much less deep products like this one are than their variance."""
        return self._depth.get(self._key(evidence))


def process_flags(evidence: Evidence, relations: Relations) -> list[ProcessFlag]:
    """Return the process checks of a product."""
    values = evidence.measured()
    flags = [
        saturation(evidence.saturated()),
        missing_sky(evidence.is_object, evidence.has_sky),
    ]
    if NEGATIVE in values:
        flags.append(negative_counts(values[NEGATIVE]))
    nearest = nearest_calibration(evidence)
    if nearest is not None:
        flags.append(calibration_distance(nearest.closeness, nearest.level, nearest.name))
    if SNR in values and EXPECTED in values:
        flags.append(
            snr_against_counts(values[SNR], values[EXPECTED], relations.snr(evidence))
        )
    if DEPTH in values and EXPECTED_DEPTH in values:
        limits = values[DEPTH], values[EXPECTED_DEPTH]
        flags.append(depth_against_variance(*limits, relations.depth(evidence)))
    return [*flags, *_cosmic_flags(evidence, relations.cosmics(evidence))]


def _cosmic_flags(evidence: Evidence, trend: Trend | None) -> list[ProcessFlag]:
    """Return the checks of the rejected pixels, each of its worst exposure."""
    counts = evidence.cosmics()
    by_ifu = [cosmics_per_ccd(n, exptime)[0] for n, exptime in counts]
    whole = [
        cosmics_per_exposure(_rate(n, exptime), trend, len(n) * exptime / 1000.0)
        for n, exptime in counts
    ]
    return [
        next((flag for flag in flags if flag.verdict == "red"), flags[0])
        for flags in (by_ifu, whole)
        if flags
    ]


def _rate(rejected: Mapping[int, int], exptime_s: float) -> float:
    """Return the rejected pixels of an exposure per CCD and 1000 s."""
    return 1000.0 * sum(rejected.values()) / len(rejected) / max(exptime_s, 1.0)


def nearest_calibration(evidence: Evidence) -> AssociationScore | None:
    """Return the association score: the smallest closeness, and whose it is."""
    rows = [row for row in evidence.associations if row.closeness is not None]
    if not rows:
        return None
    worst = min(rows, key=lambda row: (row.closeness or 0.0, row.name))
    level = max(row.level or 0 for row in rows)
    return AssociationScore(worst.closeness or 0.0, level, worst.tag, worst.name)


def flag_of(evidence: Evidence) -> ScoreFlag:
    """Return the MUSE score flag of a product."""
    return score_flag(score_inputs(evidence))


def _judge(session: Session, block: Block, relations: Relations) -> None:
    """Score the final products of a block and certify those that are all green."""
    waiting = []
    block.n_red = block.n_total = 0
    for evidence in finals(block):
        flag = flag_of(evidence)
        checks = process_flags(evidence, relations)
        product = evidence.product
        product.scores = [*map(_bit_row, flag.bits), *map(_check_row, checks)]
        product.n_red, product.n_total = flag.tally.n_red, flag.tally.n_total
        block.n_red += product.n_red
        block.n_total += product.n_total
        reasons = _reasons(flag, checks)
        if reasons:
            product.comment = "; ".join(reasons)
            waiting += reasons
        else:
            decide(session, product, "certified", MACHINE, f"AUTO: {flag.tally}")
    block.certification = "review" if waiting else "auto"
    block.comment = "; ".join(dict.fromkeys(waiting)) or f"AUTO: 0/{block.n_total}"


def _reasons(flag: ScoreFlag, checks: Iterable[ProcessFlag]) -> list[str]:
    """Return what keeps a product from being certified by the machine."""
    bad = [f"{bit.name}: {bit.text}" for bit in flag.bits if bit.meaning == "bad"]
    return bad + [
        f"{check.name}: {check.text}"
        for check in checks
        if check.verdict == "red" and check.name != DESCRIBES
    ]


def _bit_row(bit: Bit) -> Score:
    """Return the row of one bit of the flag."""
    verdicts = {"good": "green", "bad": "red", "info": "info"}
    return Score(
        kind="bit",
        name=bit.name,
        value=float(bit.digit),
        verdict=verdicts[bit.meaning],
        reason=bit.text,
        source="MUSE score flag",
    )


def _check_row(check: ProcessFlag) -> Score:
    """Return the row of one process check."""
    return Score(
        kind="flag",
        name=check.name,
        value=check.value if check.value is None or abs(check.value) < 1e300 else None,
        upper=check.limit,
        verdict=check.verdict,
        reason=check.text,
        source="process QC",
    )
