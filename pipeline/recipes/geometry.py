"""muse_geometry: exposures of the pinhole mask to the place of every slice in the field."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import read_catalogue
from pipeline.algorithms.detector import calibrated
from pipeline.algorithms.flatfield import FlatFielded
from pipeline.algorithms.geometry import SliceMap, slice_map
from pipeline.algorithms.geometry_products import (
    geometry_table,
    global_qc,
    ifu_qc,
    spots_table,
    width_qc,
)
from pipeline.algorithms.mask_images import (
    RowWindow,
    field_grid,
    field_image,
    field_planes,
    placed,
    row_window,
)
from pipeline.algorithms.mask_sequence import MaskSequence, mask_sequence
from pipeline.algorithms.overscan import made_with
from pipeline.algorithms.passages import Passages, find_passages, row_distance
from pipeline.algorithms.skyflat import white_light
from pipeline.algorithms.slice_places import (
    MaskScale,
    Places,
    ifu_places,
    stack_rows,
    warn_of_gaps,
)
from pipeline.algorithms.smooth_places import QC_NAMES, smooth_places
from pipeline.algorithms.spot_search import find_spots, geometry_lines
from pipeline.algorithms.spots import BLOCK, Spots, average, measure
from pipeline.flags import Flag
from pipeline.instrument import SAMPLING, Size, size_of
from pipeline.parallel import map_ordered, memory_gb, n_threads
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Image2D,
    ImageFrame,
    Input,
    Outputs,
    Params,
    Planes,
    Product,
    RawFrame,
    blocks,
    param,
    recipe,
)

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

IFU_GB = 0.8
"""Memory for the average of one IFU at full size [GB]."""


class GeometryParams(Params):
    """Parameters of the geometrical calibration."""

    ifu1: int = param(1, doc="First IFU to analyze.", ge=1, le=24)
    ifu2: int = param(24, doc="Last IFU to analyze.", ge=1, le=24)
    sigma: float = param(
        2.2,
        unit="sigma",
        doc="Detection level for spots, in terms of median deviation above the median.",
        gt=0,
    )
    centroid: Literal["barycenter", "gaussian"] = param(
        "gaussian",
        doc="How places and widths of spots are measured: centre of light and width at "
        "half height, or Gaussian fit.",
    )
    smooth: float = param(
        1.5,
        unit="sigma",
        doc="Limit of deviations from a straight line within each slicer stack, at which "
        "places are smoothed; no smoothing if not positive.",
    )
    lambdamin: float = param(
        6800.0, unit="Angstrom", doc="Lower wavelength cut of the images that check.", gt=0
    )
    lambdamax: float = param(
        7200.0, unit="Angstrom", doc="Upper wavelength cut of the images that check.", gt=0
    )
    keepreal: bool = param(
        True,
        doc="Smooth no deviation of more than three times its error, since it is real; the "
        "genuine pipeline (false) smooths all.",
    )
    level: Literal["beside", "around"] = param(
        "beside",
        doc="Background of a spot: the columns beside it, or the mean around it with the "
        "spot itself (as in the genuine pipeline, whose fluxes are half of the light).",
    )
    savereduced: bool = param(
        True,
        doc="Write MASK_REDUCED, 200 MB for each exposure and IFU (the genuine pipeline "
        "always does).",
    )


def _qc() -> Iterator[QC]:
    """Yield the QC keywords."""
    spots, tables = "SPOTS_TABLE", ("GEOMETRY_UNSMOOTHED", "GEOMETRY_TABLE")
    for key, text in (("MEAN", "Mean"), ("MEDIAN", "Median"), ("STDEV", "Scatter")):
        about = f"{text} FWHM of bright spots in exposure #."
        yield QC(f"QC GEO EXP# FWHM {key}", spots, "pix", about, True)
    yield QC("QC GEO FWHM MEAN", spots, "pix", "Mean of the mean FWHM.", True)
    yield QC("QC GEO FWHM STDEV", spots, "pix", "Scatter of the mean FWHM.", True)
    for tag in tables:
        yield QC("QC GEO IFU# ANGLE", tag, "deg", "Median angle of the slices of IFU #.")
        yield QC("QC GEO IFU# WLEN#", tag, "Angstrom", "Wavelength of line #.")
        for key, text in (("MEAN", "Mean"), ("MEDIAN", "Median"), ("STDEV", "Scatter")):
            about = f"{text} integrated flux of the spots of line #."
            yield QC(f"QC GEO IFU# WLEN# FLUX {key}", tag, "count", about, True)
        yield QC("QC GEO IFU# GAPPOS MEAN", tag, "pix", "Mean central gap of IFU #.", True)
        yield QC("QC GEO GAPPOS MEAN", tag, "pix", "Mean of the central gaps.", True)
        yield QC("QC GEO GAPPOS STDEV", tag, "pix", "Scatter of these gaps.", True)
        yield QC("QC GEO MASK ANGLE", tag, "deg", "Median angle of all slices.")
        yield QC("QC GEO TABLE NBAD", tag, "", "Values that could not be measured.")
    for name, key in QC_NAMES.items():
        about = f"Values of {name} that smoothing changed; -1 without smoothing."
        yield QC(f"QC GEO SMOOTH {key}", tables[1], "", about)


@recipe(
    name="muse_geometry",
    scope="exposure",
    params=GeometryParams,
    inputs=[
        Input("MASK", "raw", n_min=50, raw=True, doc="Sequence of the pinhole mask."),
        Input("MASTER_BIAS", "image", doc="Master bias of each IFU."),
        Input("MASTER_DARK", "image", optional=True, doc="Master dark of each IFU."),
        Input("MASTER_FLAT", "image", optional=True, doc="Master flat of each IFU."),
        Input("TRACE_TABLE", "table", doc="Edges of the slices of each IFU."),
        Input("WAVECAL_TABLE", "table", doc="Wavelength solution of each IFU."),
        Input("LINE_CATALOG", "table", n_max=1, per_ifu=False, doc="Lines of the lamps."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
        Input("MASK_CHECK", "raw", optional=True, doc="Exposures with smooth features."),
    ],
    products=[
        Product(
            "MASK_REDUCED",
            "image",
            "Reduced exposure of the mask.",
            "count",
            numbered=True,
            optional=True,
        ),
        Product("MASK_COMBINED", "image", "Average of all exposures.", "count"),
        Product("SPOTS_TABLE", "table", "All spots of all exposures."),
        Product(
            "GEOMETRY_UNSMOOTHED", "table", "Slices before the smoothing.", optional=True
        ),
        Product("GEOMETRY_TABLE", "table", "Place of the slices in the field of view."),
        Product("GEOMETRY_CUBE", "cube", "Mask in the field, to check.", "count"),
        Product(
            "GEOMETRY_CHECK",
            "image",
            "Picture of the field, to check.",
            "count",
            numbered=True,
            optional=True,
            is_map=True,
        ),
    ],
    qc=tuple(_qc()),
)
def geometry(frames: Frames, params: GeometryParams, out: Outputs) -> None:
    """Find the place of every slice in the field of view from a mask of pinholes.

    The mask moves down the field step by step, in the light of arc lamps. Each exposure is
    reduced; spots are found on the average of all and measured on each. The light of a
    spot against the height of the mask shows when its pinhole was in the middle of the
    slice. Where the spots are along the slice, and at which heights they are brightest,
    gives place, angle and width of the slice, averaged over the arc lines, on the scale of
    the rows and columns of the mask. Slices that deviate within their stack are smoothed.
    A cube of the average and pictures of other exposures show whether the result is right.

    IFU after IFU and exposure after exposure are read; memory does not grow with their
    number.
    """
    ifus = _ifus(frames, params)
    lines = _lines(frames)
    ahead = min(max(int(memory_gb() / IFU_GB), 1), n_threads())
    seen = list(map_ordered(lambda ifu: ifu.look(lines, out), ifus, ahead=ahead))
    places = _solve(ifus, seen)
    size = ifus[0].size
    qc = {
        name: value
        for ifu, found in zip(ifus, seen, strict=True)
        for name, value in ifu_qc(found.passages, places.of(ifu.number), lines)
    }
    changed = dict.fromkeys(QC_NAMES, -1)
    final = places
    if params.smooth > 0:
        _write_table(out, "GEOMETRY_UNSMOOTHED", places, size, ifus[0], qc)
        smoothed = smooth_places(places, size, params.smooth, keep_real=params.keepreal)
        final, changed = smoothed.places, smoothed.changed
    qc |= {f"SMOOTH {QC_NAMES[name]}": n for name, n in changed.items()}
    _write_table(out, "GEOMETRY_TABLE", final, size, ifus[0], qc)
    _write_cube(out, ifus, seen, final, params)
    _write_pictures(out, ifus, frames, final, params)


@dataclass(frozen=True)
class _Seen:
    """What is kept of the exposures of one IFU."""

    passages: Passages
    window: RowWindow


@dataclass(frozen=True)
class _Ifu:
    """The exposures of one IFU and its calibrations."""

    number: int
    raws: Sequence[RawFrame]
    calibrations: dict[str, list[Any]]
    slices: SliceMap
    sequence: MaskSequence
    params: GeometryParams

    @property
    def size(self) -> Size:
        """Of the instrument."""
        return size_of(self.raws[0].shape)

    def plain(self, raw: RawFrame) -> ImageFrame:
        """Return an exposure in counts, without bias, as a check needs it."""
        bias = self.calibrations["MASTER_BIAS"][0]
        return calibrated(raw, bias, made_with(bias.header))

    def reduced(self, raw: RawFrame) -> ImageFrame:
        """Return an exposure with all calibrations."""
        bias = self.calibrations["MASTER_BIAS"][0]
        image: ImageFrame = calibrated(
            raw,
            bias,
            made_with(bias.header),
            dark=next(iter(self.calibrations["MASTER_DARK"]), None),
            bad_pixels=self.calibrations["BADPIX_TABLE"],
        )
        for flat in self.calibrations["MASTER_FLAT"]:
            image = FlatFielded(image, flat)
        return image

    def look(self, lines: Floats, out: Outputs) -> _Seen:
        """Reduce all exposures, measure their spots, write the products of this IFU."""
        images = [self.reduced(raw) for raw in self.raws]
        combined = self._average(images, out)
        places = find_spots(combined, self.slices, lines, self.params.sigma)
        if not places.found.any():
            raise BadInput(
                f"IFU {self.number} shows no spots of the pinhole mask",
                file=self.raws[0].name,
                keyword="ESO DPR TYPE",
                remedy="give exposures of the pinhole mask with the lamps on, and the "
                "TRACE_TABLE and WAVECAL_TABLE of the same time",
            )
        low, high = self.params.lambdamin, self.params.lambdamax
        window = row_window(combined, self.slices, low, high)
        self._write_combined(combined, images[0], out)
        del combined
        spots = measure(
            images,
            places,
            self.size,
            gaussian=self.params.centroid == "gaussian",
            beside=self.params.level == "beside",
        )
        self._write_spots(spots, out)
        self._warn_of_saturation(spots)
        return _Seen(find_passages(spots, self.sequence), window)

    def _warn_of_saturation(self, spots: Spots) -> None:
        """Warn of exposures with saturated spots, which are as good as missing."""
        for raw, saturated in zip(self.raws, spots.saturated, strict=True):
            if saturated.any():
                log.warning(
                    "%s: %d of %d spots of IFU %d are saturated and left out (EXPTIME); "
                    "take shorter exposures",
                    raw.name, int(saturated.sum()), saturated.size, self.number,
                )  # fmt: skip

    def _average(self, images: Sequence[ImageFrame], out: Outputs) -> Planes:
        """Return the average; write the reduced exposures on the way."""
        if not self.params.savereduced:
            return average(images)
        with out.of_ifu(self.number) as products:
            writers = [
                products.image(
                    "MASK_REDUCED",
                    image.shape,
                    unit="count",
                    header=image.header,
                    like=raw,
                    number=k,
                )
                for k, (raw, image) in enumerate(zip(self.raws, images, strict=True), 1)
            ]
            return average(images, lambda k, rows, planes: writers[k].write(rows, planes))

    def _write_combined(self, combined: Planes, first: ImageFrame, out: Outputs) -> None:
        """Write the average."""
        with out.of_ifu(self.number) as products:
            writer = products.image(
                "MASK_COMBINED",
                first.shape,
                unit="count",
                header=first.header,
                like=self.raws[0],
            )
            for rows in blocks(first.shape[0], BLOCK):
                writer.write(rows, Planes._make(plane[rows] for plane in combined))

    def _write_spots(self, spots: Spots, out: Outputs) -> None:
        """Write the table of spots."""
        with out.of_ifu(self.number) as products:
            table = products.table("SPOTS_TABLE", like=self.raws[0])
            names = [raw.name for raw in self.raws]
            table.write("", spots_table(spots, self.sequence, self.slices, names))
            table.qc.update({f"QC GEO {name}": v for name, v in width_qc(spots)})


def _ifus(frames: Frames, params: GeometryParams) -> list[_Ifu]:
    """Return the IFUs that are wanted and that the exposures hold, in ascending order."""
    present = {int(raw.ifu) for raw in frames["MASK"]}
    numbers = sorted(n for n in present if params.ifu1 <= n <= params.ifu2)
    if not numbers:
        raise BadInput(
            f"the exposures hold none of the IFUs {params.ifu1} to {params.ifu2}",
            file=frames["MASK"][0].name,
            keyword="--ifu1, --ifu2",
            remedy=f"choose from {', '.join(map(str, sorted(present)))}",
        )
    ifus = [_ifu(frames, params, number) for number in numbers]
    warn_of_gaps(numbers, {ifu.number: ifu.raws[0].name for ifu in ifus})
    return ifus


def _ifu(frames: Frames, params: GeometryParams, number: int) -> _Ifu:
    """Gather the frames of one IFU."""
    found = {
        tag: [frame for frame in frames.get(tag, ()) if frame.ifu == number]
        for tag in (
            "MASK", "MASTER_BIAS", "MASTER_DARK", "MASTER_FLAT", "TRACE_TABLE",
            "WAVECAL_TABLE", "BADPIX_TABLE",
        )
    }  # fmt: skip
    raws = found["MASK"]
    for tag in ("MASTER_BIAS", "TRACE_TABLE", "WAVECAL_TABLE"):
        if not found[tag]:
            raise BadInput(
                f"no {tag} of IFU {number}",
                file=raws[0].name,
                keyword=f"CHAN{number:02d}",
                remedy=f"add the {tag} of this IFU, or leave it out (--ifu1, --ifu2)",
            )
    slices = slice_map(
        number,
        size_of(raws[0].shape).shape,
        found["TRACE_TABLE"][0],
        found["WAVECAL_TABLE"][0],
    )
    return _Ifu(number, raws, found, slices, mask_sequence(raws), params)


def _lines(frames: Frames) -> Floats:
    """Return the arc lines to use [Angstrom]."""
    catalogue = frames["LINE_CATALOG"][0]
    return geometry_lines(read_catalogue(catalogue), catalogue.name)


def _solve(ifus: Sequence[_Ifu], seen: Sequence[_Seen]) -> Places:
    """Return place, angle and width of all slices."""
    first = ifus[0]
    row, _ = row_distance([found.passages for found in seen], first.raws[0].name)
    scale = MaskScale(first.sequence.scale / SAMPLING, row)
    parts = [
        ifu_places(found.passages, ifu.slices, ifu.size, scale)
        for ifu, found in zip(ifus, seen, strict=True)
    ]
    for ifu, part in zip(ifus, parts, strict=True):
        lost = part.ccd[~np.isfinite(part.x)]
        if len(lost) == len(part.ccd):
            raise BadInput(
                f"no slice of IFU {ifu.number} saw a row of pinholes pass from end to end",
                file=ifu.raws[0].name,
                keyword="ESO INS POS3 POS",
                remedy="give the whole sequence, or leave this IFU out (--ifu1, --ifu2)",
            )
        if len(lost):
            log.warning(
                "%s: slices %s of IFU %d were not measured: no row of pinholes passed them "
                "from end to end (ESO INS POS3 POS); give the whole sequence",
                ifu.raws[0].name, ", ".join(map(str, lost)), ifu.number,
            )  # fmt: skip
    return stack_rows(Places.join(parts), first.size, scale)


def _write_table(
    out: Outputs, tag: str, places: Places, size: Size, first: _Ifu, qc: dict[str, Any]
) -> None:
    """Write a table of the geometry with its QC."""
    product = out.table(tag, like=first.raws[0])
    product.write("", geometry_table(places))
    product.qc.update({f"QC GEO {name}": value for name, value in qc.items()})
    product.qc.update({f"QC GEO {name}": v for name, v in global_qc(places, size)})


def _write_cube(
    out: Outputs,
    ifus: Sequence[_Ifu],
    seen: Sequence[_Seen],
    places: Places,
    params: GeometryParams,
) -> None:
    """Write the cube of the average exposures."""
    low, high = params.lambdamin, params.lambdamax
    slices = [placed(ifu.slices, places) for ifu in ifus]
    grid = field_grid(slices, low, high)
    if grid is None:
        _complain_of_wavelengths(ifus[0].raws[0], params)
        return
    cube = out.cube(
        "GEOMETRY_CUBE",
        grid.shape,
        unit="count",
        wcs=grid.keywords(),
        like=ifus[0].raws[0],
    )
    slabs = []
    for planes, slab in field_planes(grid, slices, [s.window for s in seen], low, high):
        cube.write(planes, slab)
        slabs.append(slab.data)
    image = _picture(white_light(np.concatenate(slabs)))
    cube.write_images({"white": Image2D(image, "count", grid.image_keywords())})


def _write_pictures(
    out: Outputs,
    ifus: Sequence[_Ifu],
    frames: Frames,
    places: Places,
    params: GeometryParams,
) -> None:
    """Write a picture of the field for every exposure of another mask."""
    names = list(dict.fromkeys(raw.name for raw in frames.get("MASK_CHECK", ())))
    for number, name in enumerate(names, 1):
        raws = {raw.ifu: raw for raw in frames["MASK_CHECK"] if raw.name == name}
        there = [ifu for ifu in ifus if ifu.number in raws]
        found = field_image(
            [placed(ifu.slices, places) for ifu in there],
            [ifu.plain(raws[ifu.number]) for ifu in there],
            params.lambdamin,
            params.lambdamax,
        )
        if found is None:
            _complain_of_wavelengths(next(iter(raws.values())), params)
            continue
        grid, data = found
        picture = out.image(
            "GEOMETRY_CHECK",
            (data.shape[0], data.shape[1]),
            unit="count",
            header=grid.image_keywords(),
            like=next(iter(raws.values())),
            number=number,
        )
        picture.write(slice(0, data.shape[0]), _picture(data))
        for raw in raws.values():
            raw.release()


def _picture(data: NDArray[np.float32]) -> Planes:
    """Return an image of the field, float32[ny, nx], without a variance."""
    dq = np.where(np.isfinite(data), 0, np.uint32(Flag.MISSING_DATA)).astype(np.uint32)
    return Planes(data, dq, np.zeros(data.shape, np.float32))


def _complain_of_wavelengths(raw: RawFrame, params: GeometryParams) -> None:
    """Warn that the wavelengths of the check are not there."""
    log.warning(
        "%s: no pixel lies between %g and %g Angstrom; no image is made of it: change "
        "--lambdamin and --lambdamax",
        raw.name, params.lambdamin, params.lambdamax,
    )  # fmt: skip
