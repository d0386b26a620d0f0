"""muse_geometry: exposures of the pinhole mask to the place of every slice in the field."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import read_catalogue
from pipeline.algorithms.geometry_pictures import write_cube, write_pictures
from pipeline.algorithms.geometry_products import (
    declared_qc,
    geometry_table,
    global_qc,
    ifu_qc,
)
from pipeline.algorithms.mask_ifu import MaskIfu, mask_ifus
from pipeline.algorithms.mask_spots import SeenIfu, SpotSettings, measure_ifu
from pipeline.algorithms.passages import row_distance
from pipeline.algorithms.slice_places import MaskScale, Places, ifu_places, stack_rows
from pipeline.algorithms.smooth_places import QC_NAMES, smooth_places
from pipeline.algorithms.spot_search import geometry_lines
from pipeline.instrument import SAMPLING, Size
from pipeline.parallel import map_ordered, memory_gb, n_threads
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    Params,
    Product,
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

    @property
    def wavelengths(self) -> tuple[float, float]:
        """Range of the images that check [Angstrom]."""
        return self.lambdamin, self.lambdamax

    def spot_settings(self) -> SpotSettings:
        """Return how spots are found and measured."""
        return SpotSettings(
            self.sigma,
            self.centroid == "gaussian",
            self.level == "beside",
            self.wavelengths,
            self.savereduced,
        )


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
    qc=tuple(declared_qc()),
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
    ifus = mask_ifus(frames, params.ifu1, params.ifu2)
    lines = _lines(frames)
    ahead = min(max(int(memory_gb() / IFU_GB), 1), n_threads())
    look = partial(measure_ifu, lines=lines, settings=params.spot_settings(), out=out)
    seen = list(map_ordered(look, ifus, ahead=ahead))
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
    windows = [found.window for found in seen]
    write_cube(out, ifus, windows, final, params.wavelengths)
    write_pictures(out, ifus, frames, final, params.wavelengths)


def _lines(frames: Frames) -> Floats:
    """Return the arc lines to use [Angstrom]."""
    catalogue = frames["LINE_CATALOG"][0]
    return geometry_lines(read_catalogue(catalogue), catalogue.name)


def _solve(ifus: Sequence[MaskIfu], seen: Sequence[SeenIfu]) -> Places:
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
    out: Outputs, tag: str, places: Places, size: Size, first: MaskIfu, qc: dict[str, Any]
) -> None:
    """Write a table of the geometry with its QC."""
    product = out.table(tag, like=first.raws[0])
    product.write("", geometry_table(places))
    product.qc.update({f"QC GEO {name}": value for name, value in qc.items()})
    product.qc.update({f"QC GEO {name}": v for name, v in global_qc(places, size)})
