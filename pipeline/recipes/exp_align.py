"""muse_exp_align: offsets between exposures from the sources in their images."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.align import Alignment, Catalogue, align
from pipeline.algorithms.daofind import (
    PointSources,
    Shape,
    SourceFinder,
    find_enough,
    sky_level,
)
from pipeline.algorithms.preview import SkyImage, common_grid, stack
from pipeline.algorithms.source_lists import given_sources
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    ImageFrame,
    Input,
    Outputs,
    Params,
    Planes,
    Product,
    Table,
    TableFrame,
    Value,
    param,
    recipe,
)

log = logging.getLogger(__name__)

_MAD_TO_SIGMA = 1.4826


class ExpAlignParams(Params):
    """Parameters of the alignment."""

    rsearch: str = param(
        "30.,4.,2.,0.8",
        unit="arcsec",
        doc="Largest offset, then the search radii of the following rounds.",
    )
    nbins: int = param(60, doc="Bins of the first search along an axis.", ge=1)
    weight: bool = param(True, doc="Weight sources by their flux.")
    fwhm: float = param(5.0, unit="pix", doc="FWHM of the convolution filter.", gt=0)
    threshold: float = param(
        15.0,
        doc="First threshold for point sources: an absolute height if positive, else in "
        "units of the background's standard deviation.",
    )
    bkgignore: float = param(
        0.05, doc="Fraction of the image, the darkest, that is ignored.", ge=0, lt=1
    )
    bkgfraction: float = param(
        0.1, doc="Fraction of the image that is taken as background.", gt=0, le=1
    )
    step: float = param(0.5, doc="Change of the threshold in each round.", gt=0)
    iterations: int = param(100000, doc="Rounds at most.", ge=1)
    srcmin: int = param(5, doc="Least number of sources.", ge=1)
    srcmax: int = param(80, doc="Largest number of sources.", ge=1)
    roundmin: float = param(-1.0, doc="Lower limit of the roundness.")
    roundmax: float = param(1.0, doc="Upper limit of the roundness.")
    sharpmin: float = param(0.2, doc="Lower limit of the sharpness.")
    sharpmax: float = param(1.0, doc="Upper limit of the sharpness.")
    bpixdistance: float = param(
        5.0, unit="pix", doc="Least distance of a source to a pixel without data.", ge=0
    )
    expmap: bool = param(False, doc="Write a map of the exposure times, too.")
    override_detection: bool = param(
        False, doc="Take the positions of SOURCE_LISTs instead of detecting sources."
    )

    def radii(self) -> list[float]:
        """Return the search radii [arcsec].

        Raises
        ------
        BadInput
            If the text is not a list of two or more falling, positive numbers.
        """
        try:
            values = [float(part) for part in self.rsearch.split(",")]
        except ValueError:
            values = []
        if len(values) < 2 or min(values) <= 0 or sorted(values, reverse=True) != values:
            raise BadInput(
                f"{self.rsearch!r} is no list of falling radii",
                keyword="--rsearch",
                remedy='write for example "30.,4.,2.,0.8"',
            )
        return values


def _align_qc() -> tuple[QC, ...]:
    """Return the QC of OFFSET_LIST."""
    offsets = tuple(
        QC(f"QC EXPALIGN OFFSET {axis} {name}", "OFFSET_LIST", "arcsec", doc)
        for axis in ("RA", "DEC")
        for name, doc in (
            ("MIN", "Smallest offset, a plain difference of coordinates."),
            ("MAX", "Largest offset."),
            ("MEAN", "Mean offset."),
            ("STDEV", "Standard deviation of the offsets."),
        )
    )
    counts = (
        ("NDET#", "", "Sources detected in an image."),
        ("NMATCH#", "", "Sources of an image that match those of another one."),
        ("NMATCH MIN", "", "Fewest matches of an image."),
        ("NOMATCH", "", "Images without a match."),
    )
    return (
        *(
            QC(f"QC EXPALIGN {name}", "OFFSET_LIST", unit, doc)
            for name, unit, doc in counts
        ),
        *offsets,
        QC(
            "QC EXPALIGN RESIDUAL MAX",
            "OFFSET_LIST",
            "arcsec",
            "Largest rms of the positions of an image after alignment.",
            optional=True,
        ),
        QC("QC EXPALIGN SRC POSITIONS", "SOURCE_LIST", "", "Where positions come from."),
        QC("QC EXPALIGN NDET", "SOURCE_LIST", "", "Sources detected."),
        QC("QC EXPALIGN BKG MEDIAN", "SOURCE_LIST", "", "Median of the background."),
        QC("QC EXPALIGN BKG MAD", "SOURCE_LIST", "", "Its median absolute deviation."),
        QC("QC EXPALIGN THRESHOLD", "SOURCE_LIST", "", "Threshold of the detection."),
        *(
            QC(f"QC EXPALIGN EXPTIME {name}", "EXPOSURE_MAP", "s", f"{doc} exposure time.")
            for name, doc in (
                ("MIN", "Shortest"),
                ("MAX", "Longest"),
                ("AVG", "Mean"),
                ("MED", "Median"),
            )
        ),
    )


@dataclass(frozen=True)
class _Detected:
    """An image and its sources."""

    frame: ImageFrame
    image: SkyImage
    sources: PointSources
    level: float = 0.0
    deviation: float = 0.0
    threshold: float = 0.0
    origin: str = "detection"

    def catalogue(self, tangent: tuple[float, float]) -> Catalogue:
        """Return the sources in the plane that touches at ``tangent``."""
        x, y = self.image.sky(self.sources.x - 1.0, self.sources.y - 1.0, tangent)
        return Catalogue(np.stack([x, y], axis=1), self.sources.flux)


@recipe(
    name="muse_exp_align",
    scope="target",
    params=ExpAlignParams,
    inputs=[
        Input(
            "IMAGE_FOV",
            "image",
            n_min=2,
            raw=True,
            per_ifu=False,
            doc="Images of the exposures.",
        ),
        Input(
            "SOURCE_LIST",
            "table",
            per_ifu=False,
            optional=True,
            doc="Positions of sources, a list for each image; for override_detection.",
        ),
    ],
    products=[
        Product("OFFSET_LIST", "table", "Offsets of the exposures against the first."),
        Product("SOURCE_LIST", "table", "Sources of an image.", numbered=True),
        Product("PREVIEW_FOV", "image", "Image of the combined field."),
        Product("EXPOSURE_MAP", "image", "Exposure time.", unit="s", optional=True),
    ],
    qc=_align_qc(),
)
def exp_align(frames: Frames, params: ExpAlignParams, out: Outputs) -> None:
    """Find how far exposures are off against the first one.

    Point sources are detected in each image. Pairs of sources propose offsets, which are
    judged by how many sources they explain in position and flux; matched sources then
    give the offsets, of all exposures together. An exposure that matches no other one
    gets an offset of zero and stays where it was pointed.
    """
    radii = params.radii()
    images = _by_date(frames["IMAGE_FOV"])
    lists = frames.get("SOURCE_LIST", ())
    if params.override_detection and not lists:
        log.warning("no SOURCE_LIST is given: sources are detected")
    given = params.override_detection and bool(lists)
    detected = [_given(i, lists) if given else _detect(i, params) for i in images]
    tangent = detected[0].image.tangent
    catalogues = [found.catalogue(tangent) for found in detected]
    alignments = align(catalogues, radii, params.nbins, params.weight)
    offsets = [_degrees(a, tangent[1]) for a in alignments]
    _write_sources(out, detected, offsets)
    _write_offsets(out, detected, alignments, offsets)
    _write_preview(out, detected, offsets, with_map=params.expmap)


def _by_date(frames: Sequence[ImageFrame]) -> list[ImageFrame]:
    """Return the images in the order of their exposures; each needs a date."""
    for frame in frames:
        if "DATE-OBS" not in frame.header:
            raise BadInput(
                "cannot be assigned to an exposure",
                file=frame.name,
                keyword="DATE-OBS",
                remedy="give the IMAGE_FOV of muse_scipost",
            )
    return sorted(frames, key=lambda frame: str(frame.header["DATE-OBS"]))


def _given(frame: ImageFrame, lists: Sequence[TableFrame]) -> _Detected:
    """Return an image with the sources given for it."""
    image = SkyImage.of(frame.read(slice(0, frame.shape[0])), frame.header)
    return _Detected(frame, image, given_sources(frame, lists), origin="catalog")


def _detect(frame: ImageFrame, params: ExpAlignParams) -> _Detected:
    """Find the sources of an image."""
    image = SkyImage.of(frame.read(slice(0, frame.shape[0])), frame.header)
    level, deviation = sky_level(image.data, params.bkgignore, params.bkgfraction)
    shape = Shape(
        params.fwhm, (params.sharpmin, params.sharpmax), (params.roundmin, params.roundmax)
    )
    finder = SourceFinder(image.data, level, shape, params.bpixdistance)
    sigma = _MAD_TO_SIGMA * deviation
    absolute = params.threshold > 0
    first = params.threshold if absolute else -params.threshold * sigma
    step = params.step if absolute else params.step * sigma
    limits = (params.srcmin, params.srcmax)
    sources, threshold = find_enough(finder, first, step, limits, params.iterations)
    return _Detected(frame, image, sources, level, deviation, threshold)


def _degrees(alignment: Alignment, dec: float) -> tuple[float, float]:
    """Return an offset as differences of RA and DEC [deg]."""
    east, north = alignment.offset / 3600.0
    return float(east / np.cos(np.radians(dec))), float(north)


def _write_sources(
    out: Outputs, detected: Sequence[_Detected], offsets: Sequence[tuple[float, float]]
) -> None:
    """Write a SOURCE_LIST for each image."""
    for number, (found, offset) in enumerate(zip(detected, offsets, strict=True), 1):
        sources = found.sources
        ra, dec = _equatorial(found.image, sources)
        columns: dict[str, NDArray[Any]] = {
            "Id": np.arange(1, len(ra) + 1, dtype=np.int32),
            "X": sources.x,
            "Y": sources.y,
            "Flux": sources.flux,
            "Sharpness": sources.sharpness,
            "Roundness": sources.roundness,
            "RA": ra,
            "DEC": dec,
            "RA_CORR": ra - offset[0],
            "DEC_CORR": dec - offset[1],
        }
        units = {"X": "pix", "Y": "pix", "RA": "deg", "DEC": "deg"}
        units |= {"RA_CORR": "deg", "DEC_CORR": "deg"}
        writer = out.table("SOURCE_LIST", like=found.frame, number=number)
        writer.write("", Table(columns, units))
        writer.qc.update(
            {
                "QC EXPALIGN SRC POSITIONS": found.origin,
                "QC EXPALIGN NDET": len(ra),
                "QC EXPALIGN BKG MEDIAN": found.level,
                "QC EXPALIGN BKG MAD": found.deviation,
                "QC EXPALIGN THRESHOLD": found.threshold,
            }
        )


def _equatorial(
    image: SkyImage, sources: PointSources
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return RA and DEC of sources [deg]."""
    x, y = image.sky(sources.x - 1.0, sources.y - 1.0, image.tangent)
    east, north = np.radians(x / 3600.0), np.radians(y / 3600.0)
    ra, dec = np.radians(image.tangent)
    forward = np.cos(dec) - north * np.sin(dec)
    up = np.sin(dec) + north * np.cos(dec)
    return (
        np.degrees(ra + np.arctan2(east, forward)) % 360.0,
        np.degrees(np.arctan2(up, np.hypot(east, forward))),
    )


def _write_offsets(
    out: Outputs,
    detected: Sequence[_Detected],
    alignments: Sequence[Alignment],
    offsets: Sequence[tuple[float, float]],
) -> None:
    """Write the OFFSET_LIST with its QC."""
    headers = [found.frame.header for found in detected]
    columns = {
        "DATE_OBS": np.array([str(h["DATE-OBS"]) for h in headers], dtype="U23"),
        "MJD_OBS": np.array([float(h.get("MJD-OBS", 0.0)) for h in headers]),
        "RA_OFFSET": np.array([ra for ra, _ in offsets]),
        "DEC_OFFSET": np.array([dec for _, dec in offsets]),
        "FLUX_SCALE": np.full(len(offsets), np.nan),
    }
    units = {"MJD_OBS": "s", "RA_OFFSET": "deg", "DEC_OFFSET": "deg"}
    writer = out.table("OFFSET_LIST", like=detected[0].frame)
    writer.write("", Table(columns, units))
    n_matched = [a.n_matched for a in alignments]
    for found, n in zip(detected, n_matched, strict=True):
        if n == 0:
            log.warning(
                "%s: no source is in another image; its offset is zero. Remedy: lower "
                "--threshold, widen --rsearch, or align it by hand",
                found.frame.name,
            )
    qc: dict[str, Value] = {}
    for k, (found, n) in enumerate(zip(detected, n_matched, strict=True), 1):
        qc[f"QC EXPALIGN NDET{k}"] = len(found.sources.x)
        qc[f"QC EXPALIGN NMATCH{k}"] = n
    qc["QC EXPALIGN NMATCH MIN"] = min(n_matched)
    qc["QC EXPALIGN NOMATCH"] = n_matched.count(0)
    for axis in ("RA", "DEC"):
        values = 3600.0 * columns[f"{axis}_OFFSET"]
        qc[f"QC EXPALIGN OFFSET {axis} MIN"] = float(values.min())
        qc[f"QC EXPALIGN OFFSET {axis} MAX"] = float(values.max())
        qc[f"QC EXPALIGN OFFSET {axis} MEAN"] = float(values.mean())
        qc[f"QC EXPALIGN OFFSET {axis} STDEV"] = float(values.std(ddof=len(values) > 1))
    scatter = [a.scatter for a in alignments if np.isfinite(a.scatter)]
    if scatter:
        qc["QC EXPALIGN RESIDUAL MAX"] = max(scatter)
    writer.qc.update(qc)


def _write_preview(
    out: Outputs,
    detected: Sequence[_Detected],
    offsets: Sequence[tuple[float, float]],
    *,
    with_map: bool,
) -> None:
    """Write the image of the combined field and, on request, its exposure time."""
    images = [
        found.image.moved(*offset) for found, offset in zip(detected, offsets, strict=True)
    ]
    grid = common_grid(images)
    planes, times = stack(images, grid)
    like = detected[0].frame
    unit = str(like.header.get("BUNIT", ""))
    shape = (grid.shape[1], grid.shape[2])
    wcs = grid.image_wcs()
    writer = out.image("PREVIEW_FOV", shape, unit=unit, header=wcs, like=like)
    writer.write(slice(0, shape[0]), planes)
    if not with_map:
        return
    writer = out.image("EXPOSURE_MAP", shape, unit="s", header=wcs, like=like)
    seen = np.where(times > 0, times, np.float32(np.nan))
    writer.write(slice(0, shape[0]), Planes(seen, planes.dq, np.zeros_like(times)))
    known = seen[np.isfinite(seen)]
    for name, value in (
        ("MIN", known.min()),
        ("MAX", known.max()),
        ("AVG", known.mean(dtype=np.float64)),
        ("MED", np.median(known)),
    ):
        writer.qc[f"QC EXPALIGN EXPTIME {name}"] = float(value)
