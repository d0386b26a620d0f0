"""The MUSE score flag: one character per check, 0 = good, spelled out bit by bit.

Single cubes carry nine characters, combined ones eleven. Bits 2 and 3 describe the
observation (object or sky, with or without a sky exposure); they are no faults and do
not count in n_red/n_total, which is out of 7 or 9.
"""

from dataclasses import dataclass
from typing import Literal

from qc.scores import Tally

SATURATED_PIXELS = 300
ARC_DAYS = 1.5
BACKGROUND = -20.0
LAMBDA_SHIFT = 0.5
ALIGNMENT_DEG = 6e-5

Meaning = Literal["good", "bad", "info"]


@dataclass(frozen=True, slots=True)
class ScoreInputs:
    """The numbers behind the score flag of one product; None: not measured.

    ``arc_days``: distance of the nearest arc in time [d], the worst IFU; ``n_saturated``
    of the worst raw input, summed over its IFUs; ``background``: mode of the white-light
    background [1e-20 erg/s/cm2/A]; ``lambda_shift``: largest |QC SCIBASIC LAMBDA SHIFT|
    over IFUs and exposures [Angstrom]. For combined products ``alignment_deg`` is the
    largest differential offset between rotations [deg], ``n_unmatched`` the frames
    without a match, ``template_complete`` whether the inputs are exactly one template
    call.
    """

    is_object: bool
    has_sky: bool
    combined: bool
    sky_fit_errors: int | None
    arc_days: float | None
    twilight_used: bool
    n_saturated: int | None
    n_sources: int | None
    background: float | None
    lambda_shift: float | None
    alignment_deg: float | None = None
    n_unmatched: int | None = None
    template_complete: bool | None = None


@dataclass(frozen=True, slots=True)
class Bit:
    """One character of the score flag."""

    number: int
    name: str
    digit: Literal["0", "1"]
    meaning: Meaning
    text: str


@dataclass(frozen=True, slots=True)
class ScoreFlag:
    """The bits of a product, its string and its score."""

    bits: tuple[Bit, ...]

    def __str__(self) -> str:
        return "".join(bit.digit for bit in self.bits)

    @property
    def tally(self) -> Tally:
        """Number of bad bits of those that can be."""
        counted = [bit.meaning for bit in self.bits if bit.meaning != "info"]
        return Tally(counted.count("bad"), len(counted))


def score_flag(inputs: ScoreInputs) -> ScoreFlag:
    """Return the score flag of a product, computed from its data.

    A number that was not measured is not good: the bit says so.

    Examples
    --------
    A single object cube with a dedicated sky and nothing wrong:

    >>> good = ScoreInputs(True, True, False, 0, 0.4, True, 12, 8, 0.3, 0.02)
    >>> str(score_flag(good)), str(score_flag(good).tally)
    ('000000000', '0/7')
    """
    bits = [
        _sky_fit(inputs.sky_fit_errors),
        _info(2, "IS_OBJ", inputs.is_object, "an object", "a sky exposure, not the object"),
        _info(
            3,
            "HAS_SKY",
            inputs.has_sky and inputs.is_object,
            "a dedicated sky exposure exists",
            "no dedicated sky exposure",
        ),
        _below(
            4,
            "ARC_CLOSE",
            inputs.arc_days,
            ARC_DAYS,
            "nearest arc {:.2f} d away",
            "{} d",
            True,
        ),
        _check(
            5,
            "SKY_FLAT",
            inputs.twilight_used,
            "a twilight flat was used",
            "no twilight flat was used",
        ),
        _below(
            6,
            "NUM_SAT",
            inputs.n_saturated,
            SATURATED_PIXELS,
            "{:.0f} saturated raw pixels",
            "{} pixels",
        ),
        _sources(inputs),
        _background(inputs.background),
        _below(
            9,
            "LSHIFT_MAX",
            inputs.lambda_shift,
            LAMBDA_SHIFT,
            "largest wavelength shift {:.3f} A",
            "{} A",
        ),
    ]
    if inputs.combined:
        bits += [_alignment(inputs), _modified(inputs.template_complete)]
    return ScoreFlag(tuple(bits))


def _bit(number: int, name: str, good: bool, text: str) -> Bit:
    """Return a bit that can be a fault."""
    return Bit(number, name, "0" if good else "1", "good" if good else "bad", text)


def _info(number: int, name: str, zero: bool, text: str, otherwise: str) -> Bit:
    """Return a bit that only describes."""
    return Bit(number, name, "0" if zero else "1", "info", text if zero else otherwise)


def _check(number: int, name: str, good: bool, text: str, otherwise: str) -> Bit:
    """Return a bit for a statement that is true or not."""
    return _bit(number, name, good, text if good else otherwise)


def _below(
    number: int,
    name: str,
    value: float | None,
    limit: float,
    text: str,
    unit: str,
    inclusive: bool = False,
) -> Bit:
    """Return a bit that is good while a number stays below its limit."""
    if value is None:
        return _bit(number, name, False, "not measured")
    good = value <= limit if inclusive else value < limit
    return _bit(number, name, good, f"{text.format(value)} (limit {unit.format(limit)})")


def _sky_fit(errors: int | None) -> Bit:
    """Return bit 1: the master sky fit and the line fit made no error."""
    if errors is None:
        return _bit(1, "CHECK_BKG", False, "the sky fit left no report")
    text = "the sky fit made no error" if errors == 0 else f"{errors} errors in the sky fit"
    return _bit(1, "CHECK_BKG", errors == 0, text)


def _sources(inputs: ScoreInputs) -> Bit:
    """Return bit 7: sources found; a sky field is meant to have none."""
    if not inputs.is_object:
        return _bit(7, "NUM_SRC", True, "a sky field needs no source")
    if inputs.n_sources is None:
        return _bit(7, "NUM_SRC", False, "sources were not searched")
    return _bit(7, "NUM_SRC", inputs.n_sources > 0, f"{inputs.n_sources} sources found")


def _background(background: float | None) -> Bit:
    """Return bit 8: the background was not subtracted too much."""
    if background is None:
        return _bit(8, "HISTO_BKG", False, "not measured")
    text = f"background {background:.1f}e-20 erg/s/cm2/A (limit {BACKGROUND:g})"
    return _bit(8, "HISTO_BKG", background > BACKGROUND, text)


def _alignment(inputs: ScoreInputs) -> Bit:
    """Return bit 10: exposures of different rotations lie on each other."""
    if inputs.alignment_deg is None or inputs.n_unmatched is None:
        return _bit(10, "ALIGNMENT", False, "not measured")
    good = inputs.alignment_deg < ALIGNMENT_DEG and inputs.n_unmatched == 0
    arcsec = 3600 * inputs.alignment_deg
    text = f"offset {arcsec:.3f} arcsec, {inputs.n_unmatched} exposures without a match"
    return _bit(10, "ALIGNMENT", good, text)


def _modified(template_complete: bool | None) -> Bit:
    """Return bit 11: the inputs are exactly one template call."""
    return _check(
        11,
        "MODIFIED",
        bool(template_complete),
        "exactly one template call",
        "not exactly the exposures of one template call",
    )
