"""muse_scibasic: raw exposures to pixel tables, one IFU at a time."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from pipeline.algorithms.flatfield import LAMP_FLUX
from pipeline.algorithms.geometry import slice_map
from pipeline.algorithms.illumination import measure_illumination
from pipeline.algorithms.lamp_spectrum import LampSpectrum, cut_spectrum
from pipeline.algorithms.modes import notch_filter, useful_wavelengths
from pipeline.algorithms.pixels import Correction, SlicePixels, origin_keywords
from pipeline.algorithms.scibasic_calibrations import SKY_FLUX, ScienceCalibrations
from pipeline.algorithms.scibasic_params import ScibasicParams
from pipeline.algorithms.science_products import (
    ScienceProducts,
    science_products,
    science_qc,
    write_spectra,
)
from pipeline.algorithms.shared import SharedImage
from pipeline.algorithms.skyshift import fit_sky_lines, sky_shift
from pipeline.algorithms.spectral_image import SpectralImage
from pipeline.algorithms.twilight import read_twilight
from pipeline.spec import (
    BadInput,
    Frames,
    Header,
    ImageFrame,
    Input,
    Outputs,
    RawFrame,
    blocks,
    recipe,
)

log = logging.getLogger(__name__)

EXPOSURES = ("OBJECT", "STD", "SKY", "ASTROMETRY")
REDUCED = "REDUCED"
"""Tag of detector images that were reduced before."""

FLUXES = (LAMP_FLUX, SKY_FLUX)
"""Integrated fluxes of the flats [count], which all products but the image tell."""
_ROWS = 256
_TOGETHER = 8
"""Exposures that are reduced in one pass over the masters."""


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


def _prepare(frames: Frames, params: ScibasicParams) -> ScienceCalibrations:
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
    bare = ScienceCalibrations({**frames, **shared}, params, slices, None, twilights)
    for illum in () if reduced else frames.get("ILLUM", ()):
        factors = measure_illumination(bare.flat_fielded(illum), slices)
        return replace(bare, illumination=factors)
    return bare


def _images(
    frames: Frames, params: ScibasicParams, calibrations: ScienceCalibrations
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
    exposures: Sequence[_Exposure], calibrations: ScienceCalibrations, out: Outputs
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
    exposure: _Exposure, calibrations: ScienceCalibrations, out: Outputs
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


def _table(header: Header, shift: float, calibrations: ScienceCalibrations) -> SlicePixels:
    """Return the pixels of an exposure with all corrections."""
    low, high = _limits(header, calibrations.params)
    corrections: list[Correction] = [*notch_filter(header)]
    if calibrations.illumination is not None:
        corrections.append(calibrations.illumination)
    corrections += calibrations.twilights
    return SlicePixels(
        calibrations.slices, shift=shift, low=low, high=high, corrections=corrections
    )
