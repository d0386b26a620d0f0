"""Parameters of muse_scibasic."""

from typing import Literal

from pipeline.algorithms.combination import CombineParams, RejectionParams
from pipeline.algorithms.overscan import OverscanParams
from pipeline.instrument import DISPERSION
from pipeline.spec import BadInput, param


class ScibasicParams(RejectionParams, OverscanParams):
    """Parameters of the first science reduction."""

    crop: bool = param(
        True,
        doc="Cut the pixel tables to the useful wavelengths of the instrument mode "
        "(4750-9350 Angstrom, from 4700 with AO, from 4600 in extended modes).",
    )
    cr: Literal["none", "dcr"] = param(
        "none", doc="Type of cosmic ray cleaning, for quick-look data."
    )
    xbox: int = param(15, unit="pix", doc="Search box size in x (cr=dcr).", ge=4)
    ybox: int = param(40, unit="pix", doc="Search box size in y (cr=dcr).", ge=4)
    passes: int = param(2, doc="Maximum number of cleaning passes (cr=dcr).", ge=1)
    thres: float = param(
        5.8, unit="sigma", doc="Width of the gap above which pixels are flagged.", gt=0
    )
    saveimage: bool = param(True, doc="Save the calibrated detector image, too.")
    skylines: str = param(
        "5577.339,6300.304",
        unit="Angstrom",
        doc="Wavelengths of isolated sky emission lines, separated by commas, whose mean "
        'offset corrects the wavelengths; "none" for no correction.',
    )
    skyhalfwidth: float = param(
        5.0, unit="Angstrom", doc="Half-width of the box around each sky line.", gt=0
    )
    skybinsize: float = param(
        0.1, unit="Angstrom", doc="Bins of the spectrum that is fitted.", gt=0
    )
    skyreject: str = param(
        "15.,15.,1",
        doc="High and low clipping limit [sigma] and number of rounds for that spectrum.",
    )
    resample: bool = param(False, doc="Save a 2-D spectral image for a visual check.")
    dlambda: float = param(
        DISPERSION, unit="Angstrom", doc="Wavelength step of that image.", gt=0
    )
    combine: Literal["none", "average", "median", "minmax", "sigclip"] = param(
        "none",
        doc="How to combine all exposures on the detector before the pixel table is made "
        '("none": each has its own). Only sensible where the telescope did not move. '
        "Exposures of several tags become one product of the first, in the order OBJECT, "
        "STD, SKY, ASTROMETRY.",
    )
    scale: bool = param(
        True, doc="Scale the exposures to the exposure time of the first to combine them."
    )
    readnoise: bool = param(
        True,
        doc="Include the read-out noise of the exposure in the variance (not in the "
        "genuine pipeline, whose variance is too small; false restores it).",
    )

    def sky_lines(self) -> list[float]:
        """Return the wavelengths of the sky lines [Angstrom]."""
        if self.skylines.strip().lower() in ("none", ""):
            return []
        return numbers("skylines", self.skylines)

    def clipping(self) -> tuple[float, float, int]:
        """Return high and low limit and number of rounds of the clipping."""
        given = numbers("skyreject", self.skyreject)
        high, low, rounds = [*given, *(15.0, 15.0, 1.0)[len(given) :]][:3]
        return high, low, int(rounds)

    def combination(self) -> CombineParams:
        """Return how exposures are combined; not for ``none``."""
        names = CombineParams.model_fields
        return CombineParams(**{name: getattr(self, name) for name in names})


def numbers(name: str, text: str) -> list[float]:
    """Return the numbers of a list separated by commas.

    Raises
    ------
    BadInput
        If one of them is none.
    """
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no list of numbers separated by commas",
            keyword=f"--{name}",
            remedy=f'write for example "{ScibasicParams.model_fields[name].default}"',
        ) from error
