"""muse_scibasic: raw exposures to pixel tables, one IFU at a time."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np

from pipeline.algorithms.combination import CombineParams, RejectionParams
from pipeline.algorithms.combined import CombinedImage, exposure_time_factors
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.flatfield import LAMP_FLUX, FlatFielded, Places, find_cosmics
from pipeline.algorithms.geometry import SliceMap, slice_map
from pipeline.algorithms.illumination import Illumination, measure_illumination
from pipeline.algorithms.lamp_spectrum import LampSpectrum, cut_spectrum
from pipeline.algorithms.modes import notch_filter, useful_wavelengths
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.pixels import Correction, SlicePixels, origin_keywords
from pipeline.algorithms.science_products import (
    ScienceProducts,
    science_products,
    science_qc,
    write_spectra,
)
from pipeline.algorithms.shared import SharedImage
from pipeline.algorithms.skyshift import fit_sky_lines, sky_shift
from pipeline.algorithms.spectral_image import SpectralImage
from pipeline.algorithms.twilight import Twilight, read_twilight
from pipeline.instrument import DISPERSION
from pipeline.spec import (
    BadInput,
    Frames,
    Header,
    ImageFrame,
    Input,
    Outputs,
    RawFrame,
    Value,
    blocks,
    param,
    recipe,
)

log = logging.getLogger(__name__)

EXPOSURES = ("OBJECT", "STD", "SKY", "ASTROMETRY")
REDUCED = "REDUCED"
"""Tag of detector images that were reduced before."""

SKY_FLUX = "ESO DRS MUSE FLAT FLUX SKY"
FLUXES = (LAMP_FLUX, SKY_FLUX)
"""Integrated fluxes of the flats [count], which all products but the image tell."""
_ROWS = 256
_TOGETHER = 8
"""Exposures that are reduced in one pass over the masters."""


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


@dataclass(frozen=True)
class _Calibrations:
    """What all exposures of an IFU share."""

    frames: Frames
    params: ScibasicParams
    slices: SliceMap
    illumination: Illumination | None = None
    twilights: Sequence[Twilight] = ()

    def counts(self, raw: RawFrame) -> tuple[CalibratedFrame, Places | None]:
        """Return an exposure in counts, read lazily, and its cosmic rays if wanted."""
        params = self.params
        dark = self.frames.get("MASTER_DARK", ())
        image = calibrated(
            raw,
            self.frames["MASTER_BIAS"][0],
            params,
            dark=dark[0] if dark else None,
            bad_pixels=self.frames.get("BADPIX_TABLE", ()),
            read_noise=params.readnoise,
        )
        if params.cr == "none":
            return image, None
        box = (params.xbox, params.ybox)
        return image, find_cosmics(image, box, params.passes, params.thres)

    def flat_fielded(self, raw: RawFrame) -> FlatFielded:
        """Return an exposure divided by the master flat."""
        image, cosmics = self.counts(raw)
        return FlatFielded(image, self.frames["MASTER_FLAT"][0], cosmics)

    def combined(self, raws: Sequence[RawFrame]) -> FlatFielded:
        """Return the combination of several exposures, divided by the master flat."""
        params, images = self.params, [self.counts(raw) for raw in raws]
        exposures = [image for image, _ in images]
        factors = [1.0] * len(raws)
        if params.scale:
            factors = exposure_time_factors(exposures)
        cosmics = [found for _, found in images]
        image = CombinedImage(exposures, params.combination(), factors, cosmics)
        return FlatFielded(image, self.frames["MASTER_FLAT"][0])

    def keywords(self) -> dict[str, Value]:
        """Return the keywords of the corrections."""
        found = self.illumination.keywords() if self.illumination else {}
        for twilight in self.twilights:
            found[SKY_FLUX] = twilight.flux
        return found


@dataclass(frozen=True)
class _Exposure:
    """A detector image, the running number of its products and where it comes from."""

    number: int
    like: RawFrame | ImageFrame
    image: ImageFrame

    @property
    def new_keywords(self) -> Header:
        """Keywords of the image beside those that products inherit."""
        return {} if self.image is self.like else self.image.header


@recipe(
    name="muse_scibasic",
    scope="ifu",
    params=ScibasicParams,
    inputs=[
        *(
            Input(tag, "raw", raw=True, optional=True, doc=f"Raw exposure: {what}.")
            for tag, what in zip(
                EXPOSURES,
                ("target", "standard star", "blank sky", "astrometric field"),
                strict=True,
            )
        ),
        Input(
            "ILLUM", "raw", n_max=1, raw=True, optional=True, doc="Lamp flat of the night."
        ),
        Input(
            REDUCED,
            "image",
            raw=True,
            optional=True,
            doc="Detector image of an exposure (OBJECT_RED and the like) that becomes a "
            "pixel table; all raw exposures are left out then.",
        ),
        Input(
            "MASTER_BIAS",
            "image",
            n_max=1,
            doc="Master bias; not needed for REDUCED.",
            unless=REDUCED,
        ),
        Input("MASTER_DARK", "image", n_max=1, optional=True, doc="Master dark."),
        Input(
            "MASTER_FLAT",
            "image",
            n_max=1,
            doc="Master flat; not needed for REDUCED.",
            unless=REDUCED,
        ),
        Input("TRACE_TABLE", "table", n_max=1, doc="Edges of the slices."),
        Input("WAVECAL_TABLE", "table", n_max=1, doc="Wavelength solution."),
        Input(
            "GEOMETRY_TABLE", "table", n_max=1, per_ifu=False, doc="Slices in the field."
        ),
        Input(
            "TWILIGHT_CUBE", "cube", per_ifu=False, optional=True, doc="Smooth sky flats."
        ),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=science_products(EXPOSURES, REDUCED),
    qc=science_qc(EXPOSURES, REDUCED),
)
def scibasic(frames: Frames, params: ScibasicParams, out: Outputs) -> None:
    """Remove the signature of the instrument and give each pixel its coordinates.

    Each exposure is freed of overscan and bias, converted to counts (electrons), freed of
    dark and divided by the flat field. Trace, wavelength solution and geometry give each
    pixel inside a slice its position and wavelength; sky lines correct the wavelengths
    for the drift since the arcs. An illumination flat of the night corrects the relative
    levels of the slices, twilight cubes that of the field. The lamp spectrum that the
    flat removed is kept beside the pixels.

    The exposure is read and the products are written block by block of detector rows.
    """
    if not any(frames.get(tag) for tag in (*EXPOSURES, REDUCED)):
        raise BadInput(
            "there is an ILLUM but no exposure",
            keyword="ILLUM",
            remedy=f"add {', '.join(EXPOSURES)} frames of the night",
        )
    calibrations = _prepare(frames, params)
    waiting = _images(frames, params, calibrations)
    together = 1 if params.resample else _TOGETHER  # a spectral image is large
    while exposures := list(islice(waiting, together)):
        _reduce(exposures, calibrations, out)


def _prepare(frames: Frames, params: ScibasicParams) -> _Calibrations:
    """Read the tables and measure what is common to all exposures."""
    reduced = frames.get(REDUCED, ())
    shared = {
        tag: [SharedImage(image) for image in (() if reduced else frames.get(tag, ()))]
        for tag in ("MASTER_BIAS", "MASTER_DARK", "MASTER_FLAT")
    }
    detector = reduced[0] if reduced else frames["MASTER_FLAT"][0]
    slices = slice_map(
        int(detector.ifu),
        detector.shape,
        frames["TRACE_TABLE"][0],
        frames["WAVECAL_TABLE"][0],
        frames["GEOMETRY_TABLE"][0],
    )
    twilights = [
        read_twilight(cube, slices.ifu) for cube in frames.get("TWILIGHT_CUBE", ())
    ]
    bare = _Calibrations({**frames, **shared}, params, slices, None, twilights)
    for illum in () if reduced else frames.get("ILLUM", ()):
        factors = measure_illumination(bare.flat_fielded(illum), slices)
        return replace(bare, illumination=factors)
    return bare


def _images(
    frames: Frames, params: ScibasicParams, calibrations: _Calibrations
) -> Iterator[_Exposure]:
    """Yield the detector images of which pixel tables are made."""
    raws = [raw for tag in EXPOSURES for raw in frames.get(tag, ())]
    if frames.get(REDUCED):
        for raw in raws:
            log.warning(
                "%s: left out, only REDUCED frames are used where there are any. Remedy: "
                "process raw exposures without REDUCED frames",
                raw.name,
            )
        for number, image in enumerate(frames[REDUCED], 1):
            yield _Exposure(number, image, image)
    elif params.combine == "none":
        for tag in EXPOSURES:
            for number, raw in enumerate(frames.get(tag, ()), 1):
                yield _Exposure(number, raw, calibrations.flat_fielded(raw))
    else:
        if len({raw.tag for raw in raws}) > 1:
            log.warning(
                "%s and %s, tags: combined into one product of the first. Remedy: give "
                "the exposures of one tag, or --combine=none",
                raws[0].name,
                ", ".join(raw.name for raw in raws[1:]),
            )
        yield _Exposure(1, raws[0], calibrations.combined(raws))


def _reduce(
    exposures: Sequence[_Exposure], calibrations: _Calibrations, out: Outputs
) -> None:
    """Write the products of some exposures, all in one pass over the masters."""
    products = [_open(exposure, calibrations, out) for exposure in exposures]
    flats = calibrations.frames["MASTER_FLAT"]
    lamp = LampSpectrum(flats[0].name, calibrations.slices) if flats else None
    for rows in blocks(exposures[0].image.shape[0], _ROWS):
        for product in products:
            product.add(rows)
        if lamp is not None:
            lamp.add(rows, flats[0].read(rows))
    for exposure, product in zip(exposures, products, strict=True):
        product.complete()
        if lamp is not None:
            limits = _limits(exposure.image.header, calibrations.params)
            product.pixels.write_flat_spectrum(cut_spectrum(lamp.table(), *limits))
        if product.check is not None:
            resampled = out.image(
                f"{exposure.like.tag}_RESAMPLED",
                product.check.shape,
                unit="count",
                header={t: v for t, v in product.pixels.header.items() if t in FLUXES},
                like=exposure.like,
                number=exposure.number,
            )
            write_spectra(product.check, resampled)


def _open(
    exposure: _Exposure, calibrations: _Calibrations, out: Outputs
) -> ScienceProducts:
    """Measure the wavelength shift of an exposure and open its products."""
    params, slices = calibrations.params, calibrations.slices
    image, tag = exposure.image, exposure.like.tag
    lines = fit_sky_lines(
        image,
        slices,
        params.sky_lines(),
        calibration=calibrations.frames["WAVECAL_TABLE"][0].header,
        half_width=params.skyhalfwidth,
        bin_size=params.skybinsize,
        reject=params.clipping(),
    )
    shift = sky_shift(lines)
    table = _table(image.header, shift, calibrations)
    new = exposure.new_keywords
    keywords = {
        **{k: v for k, v in new.items() if not k.startswith("ESO DRS MUSE OVSC")},
        "ESO DRS MUSE PIXTABLE TYPE": "GEOFULL",
        **origin_keywords(slices),
        **calibrations.keywords(),
    }
    pixels = out.pixels(
        f"PIXTABLE_{tag}",
        table.n_rows,
        unit="count",
        header=keywords,
        like=exposure.like,
        number=exposure.number,
        places=table,
    )
    pixels.qc["QC SCIBASIC LAMBDA SHIFT"] = shift
    red = None
    if params.saveimage and tag != REDUCED:
        red = out.image(
            f"{tag}_RED",
            image.shape,
            unit="count",
            header=new,
            like=exposure.like,
            number=exposure.number,
        )
    check = SpectralImage(table, params.dlambda) if params.resample else None
    return ScienceProducts(image, table, pixels, red, check)


def _limits(header: Header, params: ScibasicParams) -> tuple[float, float]:
    """Return the wavelengths to keep [Angstrom]."""
    if not params.crop:
        return -np.inf, np.inf
    low, high = useful_wavelengths(header)
    margin = float(np.finfo(np.float32).eps)
    return low - margin, high + margin


def _table(header: Header, shift: float, calibrations: _Calibrations) -> SlicePixels:
    """Return the pixels of an exposure with all corrections."""
    low, high = _limits(header, calibrations.params)
    corrections: list[Correction] = [*notch_filter(header)]
    if calibrations.illumination is not None:
        corrections.append(calibrations.illumination)
    corrections += calibrations.twilights
    return SlicePixels(
        calibrations.slices, shift=shift, low=low, high=high, corrections=corrections
    )
