"""What the catalogue knows about a final product: the numbers behind its score."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phoenix.db.models import Association, Block, Job, Product, RawFile
from phoenix.measure import BACKGROUND, DEPTH, EXPECTED, EXPECTED_DEPTH, NEGATIVE, SNR
from qc.flags import ScoreInputs

COSMICS = re.compile(r"QC \w+ EXP(\d+) (?:IFU(\d+) )?NCOSMIC")
"""QC1 value: pixels of an exposure rejected as cosmic rays, of all its IFUs or of one
(which is left out when it has none)."""

SKY_STEPS = ("scibasic_sky_", "scipost_sky")
"""Beginnings of the names of the steps that a sky cube is made in."""


@dataclass(frozen=True)
class Evidence:
    """A final product, its block, and its ``code`` (SCBS, SCBC, SCBX)."""

    block: Block
    product: Product
    code: str

    @property
    def is_object(self) -> bool:
        """Whether it shows the target and not the sky."""
        return self.code != "SCBX"

    @property
    def exposures(self) -> str:
        """Tag of the raw frames that it is made of."""
        return "OBJECT" if self.is_object else "SKY"

    @property
    def raws(self) -> list[RawFile]:
        """Raw frames that it is made of, in order of time."""
        return [m.raw for m in self.block.members if m.tag == self.exposures]

    @property
    def has_sky(self) -> bool:
        """Whether the template has a dedicated sky exposure."""
        return any(member.tag == "SKY" for member in self.block.members)

    def jobs(self, step: str) -> Iterator[Job]:
        """Iterate over finished recipe calls whose step's name begins so."""
        for job in self.block.latest_jobs:
            if job.state == "done" and job.step.startswith(step):
                yield job

    @property
    def basics(self) -> str:
        """Beginning of the names of its muse_scibasic steps."""
        return f"scibasic_{self.exposures.lower()}_"

    def basic_values(self, name: str) -> dict[str, list[float]]:
        """Return a QC value of all IFUs of each of its exposures, by step."""
        found: dict[str, list[float]] = {}
        for job in self.jobs(self.basics):
            for product in job.products:
                values = qc(product)
                if name in values and product.tag.startswith("PIXTABLE"):
                    found.setdefault(job.step, []).append(values[name])
        return found

    def saturated(self) -> dict[str, int]:
        """Return the saturated raw pixels of each exposure, summed over its IFUs."""
        values = self.basic_values("QC SCIBASIC NSATURATED")
        return {step: int(sum(counts)) for step, counts in values.items()}

    def cosmics(self) -> list[tuple[dict[int, int], float]]:
        """Return the pixels rejected in each exposure by IFU, and its time [s]."""
        matches = ((COSMICS.fullmatch(name), n) for name, n in self.measured().items())
        found = [(int(m[1]), int(m[2] or 0), int(n)) for m, n in matches if m]
        counted = {exposure for exposure, _, _ in found}
        return [
            (
                dict.fromkeys(map(int, raw.chips), 0)
                | {ifu: n for exposure, ifu, n in found if exposure == k and ifu},
                raw.exptime_s,
            )
            for k, raw in enumerate(self.raws, 1)
            if k in counted
        ]

    @property
    def associations(self) -> list[Association]:
        """Calibrations that it was made with; those of the sky exposures serve both."""
        return [
            row
            for row in self.block.associations
            if row.chosen
            and (
                row.step != "scipost_sky"
                if self.is_object
                else row.step.startswith(SKY_STEPS)
            )
        ]

    def chosen(self, tag: str) -> list[Association]:
        """Return the calibrations of a tag that its exposures were reduced with."""
        return [
            row
            for row in self.associations
            if row.tag == tag and row.step.startswith(self.basics)
        ]

    def measured(self) -> Mapping[str, float]:
        """Return the numbers that were measured on the product."""
        return qc(self.product)


def qc(product: Product) -> dict[str, float]:
    """Return the numbers among the QC1 values of a product."""
    return {q.name: q.number for q in product.qc1 if q.number is not None}


def finals(block: Block) -> list[Evidence]:
    """Return the products of a block that go to the archive."""
    return [
        Evidence(block, product, what.split()[0])
        for step, what in block.finals.items()
        for job in block.latest_jobs
        if job.step == step and job.state == "done"
        for product in job.products
        if product.tag == "DATACUBE_FINAL"
    ]


def score_inputs(evidence: Evidence) -> ScoreInputs:
    """Return the numbers behind the score flag of a product."""
    values = evidence.measured()
    saturated = evidence.saturated()
    shifts = evidence.basic_values("QC SCIBASIC LAMBDA SHIFT")
    arcs = [
        abs(row.dt_d) for row in evidence.chosen("WAVECAL_TABLE") if row.dt_d is not None
    ]
    sources = [v for name, v in values.items() if name.endswith(" NDET")]
    combined = evidence.code == "SCBC"
    return ScoreInputs(
        is_object=evidence.is_object,
        has_sky=evidence.has_sky,
        combined=combined,
        sky_fit_errors=sky_fit_errors(evidence),
        arc_days=max(arcs, default=None),
        twilight_used=bool(evidence.chosen("TWILIGHT_CUBE")),
        n_saturated=max(saturated.values(), default=None),
        n_sources=int(sources[0]) if sources else None,
        background=values.get(BACKGROUND),
        lambda_shift=max(
            (abs(v) for found in shifts.values() for v in found), default=None
        ),
        alignment_deg=alignment(evidence) if combined else None,
        n_unmatched=unmatched(evidence) if combined else None,
        template_complete=complete(evidence) if combined else None,
    )


def sky_fit_errors(evidence: Evidence) -> int:
    """Count sky models without lines, and cubes whose background is unknown."""
    errors = 0
    for job in evidence.jobs("create_sky_"):
        tags = {product.tag for product in job.products}
        errors += len({"SKY_LINES", "SKY_CONTINUUM"} - tags)
    return errors + (BACKGROUND not in evidence.measured())


def complete(evidence: Evidence) -> bool:
    """Tell whether the inputs are exactly one template call."""
    raws = [member.raw for member in evidence.block.members]
    return len({raw.tpl_start for raw in raws}) == 1 and len(raws) == max(
        raw.tpl_nexp for raw in raws
    )


def unmatched(evidence: Evidence) -> int | None:
    """Return the exposures without a match in the alignment."""
    for job in evidence.jobs("exp_align"):
        for product in job.products:
            found = qc(product).get("QC EXPALIGN NOMATCH")
            if found is not None:
                return int(found)
    return None


def alignment(evidence: Evidence) -> float | None:
    """Return how far exposures lie from each other after alignment [deg]."""
    for job in evidence.jobs("exp_align"):
        for product in job.products:
            found = qc(product).get("QC EXPALIGN RESIDUAL MAX")
            if found is not None:
                return found / 3600.0
    return None


__all__ = [
    "DEPTH",
    "EXPECTED",
    "EXPECTED_DEPTH",
    "NEGATIVE",
    "SNR",
    "Evidence",
    "finals",
    "score_inputs",
]
