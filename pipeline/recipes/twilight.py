"""muse_twilight: sky flats of all IFUs to a smooth cube of the illumination."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.flatfield import LAMP_FLUX, FlatFielded
from pipeline.algorithms.geometry import SliceMap, slice_map
from pipeline.algorithms.illumination import measure_illumination
from pipeline.algorithms.last_rows import LastRows
from pipeline.algorithms.modes import instrument_mode, notch_filter
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.pixels import Correction, SlicePixels
from pipeline.algorithms.raw_checks import check_exposures
from pipeline.algorithms.resample import Method
from pipeline.algorithms.skyflat import (
    CoarseGrid,
    IfuSky,
    coarse_grid,
    merge,
    unvignetted,
    white_light,
)
from pipeline.algorithms.statistics import ImageStatistics
from pipeline.algorithms.twilight import SmoothField, smooth_field
from pipeline.algorithms.twilight_products import field_image, smooth_images
from pipeline.algorithms.vignetting import Method as Vignsmooth
from pipeline.algorithms.vignetting import Smoothing, adapted_mask, top_of_field
from pipeline.flags import Flag
from pipeline.instrument import DISPERSION, size_of
from pipeline.kernels.spread import IRAF, MEAN, MEDIAN
from pipeline.kernels.twilight import bridge_flagged, flag_spikes
from pipeline.parallel import map_ordered, n_threads
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Input,
    Outputs,
    Pixels,
    Planes,
    Product,
    RawFrame,
    Value,
    blocks,
    param,
    recipe,
)

SKY_FLUX = "ESO DRS MUSE FLAT FLUX SKY"
_ROWS = 64
_REACH = 4

NFM_HEIGHT = 22
"""Height of the vignetted region of the narrow field where vignnfmmask cannot be used [pix]
(genuine pipeline: 1.8 IFUs)."""

_STATISTICS = {"iraf": IRAF, "mean": MEAN, "median": MEDIAN}


class TwilightParams(CombineParams, OverscanParams):
    """Parameters of the twilight cube."""

    scale: bool = param(
        False, doc="Scale the exposures to a common exposure time before combining."
    )
    resample: Method = param("drizzle", doc="Resampling technique of the cube.")
    crtype: Literal["iraf", "mean", "median"] = param(
        "median",
        doc="Statistics used to detect cosmic rays: variances, standard deviation or "
        "median absolute deviation of the neighbours.",
    )
    crplace: Literal["detector", "cube"] = param(
        "detector",
        doc="Which neighbours a pixel is compared with to detect cosmic rays: those in its "
        "detector row, or those in its voxel and the rows next to it in the cube, as in "
        "the genuine pipeline (which has no such option).",
    )
    crsigma: float = param(
        50.0, unit="sigma", doc="Limit of cosmic rays; none if not positive."
    )
    lambdamin: float = param(
        5000.0, unit="Angstrom", doc="Minimum wavelength of the reconstruction.", gt=0
    )
    lambdamax: float = param(
        9000.0, unit="Angstrom", doc="Maximum wavelength of the reconstruction.", gt=0
    )
    dlambda: float = param(
        250.0, unit="Angstrom", doc="Sampling of the reconstruction.", ge=DISPERSION
    )
    xorder: int = param(2, doc="Order in x of the polynomial fit to the field.", ge=0)
    yorder: int = param(2, doc="Order in y of the polynomial fit to the field.", ge=0)
    vignmaskedges: float = param(
        0.02,
        doc="Pixels of the vignetted region that differ from a neighbour by more than this "
        "fraction are left out of its smoothing; none if not positive. Without effect in "
        "the narrow field.",
    )
    vignsmooth: Vignsmooth = param(
        "polyfit",
        doc="How the region of a VIGNETTING_MASK (in the narrow field: of the internal "
        "mask) is smoothed.",
    )
    vignxpar: int = param(
        -1,
        doc="Order in x of the polynomial (recommended: 4), width of the median filter (5 "
        "pix), or, with vignypar, twice the FWHM of the Gaussian (10 pix); negative: "
        "what is recommended.",
    )
    vignypar: int = param(
        -1, doc="Order in y of the polynomial, height of the median filter, as vignxpar."
    )
    vignflux: bool = param(
        True,
        doc="Compare the vignetted region (wide field) with the rest of the field, not "
        "with all of it, and take what it adds to the flux of an IFU out again; the "
        "genuine pipeline does neither and has no such option.",
    )
    vignnfmmask: int = param(
        22, unit="pix", doc="Height of the vignetted region at the top of the narrow field."
    )

    def smoothing(self, wide: bool) -> Smoothing:
        """Return how a vignetted region is smoothed in the wide or narrow field."""
        steepest = self.vignmaskedges if wide else 0.0
        return Smoothing(self.vignsmooth, self.vignxpar, self.vignypar, steepest, wide)


def _qc() -> Iterator[QC]:
    """Yield the QC keywords, all of the unsmoothed cube; the first number is the IFU."""
    texts = {
        "MEDIAN": "Median",
        "MEAN": "Mean",
        "STDEV": "Standard deviation",
        "MIN": "Smallest value",
        "MAX": "Largest value",
    }
    tag, name = "DATACUBE_SKYFLAT", "QC TWILIGHT#"
    for key, text in texts.items():
        yield QC(f"{name} INPUT# {key}", tag, "count", f"{text} of an exposure.")
        yield QC(f"{name} MASTER {key}", tag, "count", f"{text} of the combined image.")
    yield QC(f"{name} INPUT# NSATURATED", tag, "", "Saturated pixels of an exposure.")
    yield QC(f"{name} MASTER INTFLUX", tag, "count", "Sum of the combined image.")
    yield QC(f"{name} INTFLUX", tag, "count", "Sum of the pixels inside the slices.")


@recipe(
    name="muse_twilight",
    scope="exposure",
    params=TwilightParams,
    inputs=[
        Input("SKYFLAT", "raw", n_min=3, raw=True, doc="Raw twilight sky flats."),
        Input(
            "ILLUM", "raw", n_max=1, raw=True, optional=True, doc="Lamp flat of the night."
        ),
        Input("MASTER_BIAS", "image", doc="Master bias of each IFU."),
        Input("MASTER_DARK", "image", optional=True, doc="Master dark of each IFU."),
        Input("MASTER_FLAT", "image", doc="Master flat of each IFU."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
        Input("TRACE_TABLE", "table", doc="Edges of the slices of each IFU."),
        Input("WAVECAL_TABLE", "table", doc="Wavelength solution of each IFU."),
        Input(
            "GEOMETRY_TABLE", "table", n_max=1, per_ifu=False, doc="Slices in the field."
        ),
        Input(
            "VIGNETTING_MASK",
            "image",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Vignetted corner of the wide field, before March 2017.",
        ),
    ],
    products=[
        Product("DATACUBE_SKYFLAT", "cube", "Cube of the combined sky flats.", "count"),
        Product(
            "TWILIGHT_CUBE",
            "cube",
            "Smooth relative illumination.",
            "count",
            variance=False,
        ),
    ],
    qc=tuple(_qc()),
)
def twilight(frames: Frames, params: TwilightParams, out: Outputs) -> None:
    """Combine sky flats of all IFUs into a cube and smooth it.

    Each IFU is reduced like a science exposure and its exposures are combined; flagged
    pixels are bridged, so that they change no flux. Its pixels are shared out to a
    coarse cube and scaled to the flux of the first IFU: this relative throughput is kept
    in the header. Each plane of the cube is filtered by a median, fitted by a polynomial
    in x and y, and normalised to a mean of one over the field. In the region of a
    VIGNETTING_MASK (wide field), or at the top of the narrow field, the white light over
    the smooth field is smoothed by itself and multiplied onto the planes. What vignetted
    lamp flats added to the flux of an IFU is then taken out and the fit done again.
    """
    ifus = _ifus(frames, params)
    first = ifus[0].raws[0]
    wide = not instrument_mode(first.header).startswith("NFM")
    grid = coarse_grid([ifu.table for ifu in ifus], params.dlambda)
    results = list(map_ordered(lambda ifu: ifu.reduce(grid), ifus, ahead=n_threads()))
    fluxes = {ifu.slices.ifu: sky.flux for ifu, (sky, _) in zip(ifus, results, strict=True)}
    if not wide and {23, 24} <= fluxes.keys():
        fluxes[24] = fluxes[23]  # IFU 24 is vignetted (genuine pipeline)
    skies = [sky for sky, _ in results]
    levels = list(fluxes.values())
    cube = merge(grid, skies, levels)
    _refuse_empty_planes(cube, grid, first)
    field = _smooth(frames, params, cube, wide)
    if wide and params.vignflux and field.vignetting is not None:
        seen = field.vignetting.used  # elsewhere the smooth region is extrapolated
        factor = np.where(seen, field.vignetting.factor, np.float32(1.0))
        levels = unvignetted(skies, levels, factor)
        cube = merge(grid, skies, levels)
        field = _smooth(frames, params, cube, wide)
    lamp = ifus[0].flats[0].header.get(LAMP_FLUX)
    keywords: dict[str, Value] = {} if lamp is None else {LAMP_FLUX: lamp}
    keywords |= {f"{SKY_FLUX}{n}": level for n, level in zip(fluxes, levels, strict=True)}
    wcs = grid.keywords()
    product = out.cube(
        "DATACUBE_SKYFLAT", grid.shape, unit="count", wcs=wcs, header=keywords, like=first
    )
    product.write(slice(0, grid.shape[0]), cube)
    product.write_images({"white": field_image(white_light(cube.data), grid, "count")})
    for _, qc in results:
        product.qc.update(qc)
    product.qc.update({f"QC TWILIGHT{ifu} INTFLUX": flux for ifu, flux in fluxes.items()})

    product = out.cube(
        "TWILIGHT_CUBE", grid.shape, unit="count", wcs=wcs, header=keywords, like=first
    )
    zero = np.zeros_like(field.cube)
    planes = Planes(field.cube, zero.astype(np.uint32), zero)
    product.write(slice(0, grid.shape[0]), planes)
    product.write_images(smooth_images(field, grid, wide and params.vignmaskedges > 0))


def _smooth(
    frames: Frames, params: TwilightParams, cube: Planes, wide: bool
) -> SmoothField:
    """Return the smooth illumination of a cube."""
    white = white_light(cube.data)
    vignetted = _vignetted(frames, params, white.shape, wide)
    orders = (params.xorder, params.yorder)
    smoothing, whole = params.smoothing(wide), not (wide and params.vignflux)
    return smooth_field(cube.data, white, orders, vignetted, smoothing, whole=whole)


def _refuse_empty_planes(cube: Planes, grid: CoarseGrid, frame: RawFrame) -> None:
    """Raise an error if a plane has no light."""
    lit = np.isfinite(cube.data).any(axis=(1, 2))
    if not lit.all():
        wavelength = grid.origin[2] + grid.step[2] * int(np.argmin(lit))
        raise BadInput(
            f"no light at {wavelength:.0f} A",
            file=frame.name,
            remedy="change dlambda, lambdamin or lambdamax, or resample otherwise",
        )


def _vignetted(
    frames: Frames, params: TwilightParams, shape: tuple[int, ...], wide: bool
) -> NDArray[np.bool_] | None:
    """Return the vignetted region of the field, if there is one."""
    ny, nx = shape
    if not wide:
        height = params.vignnfmmask
        return top_of_field((ny, nx), height if 0 < height < ny else NFM_HEIGHT)
    masks = frames.get("VIGNETTING_MASK", ())
    if not masks:
        return None
    mask = masks[0].read(slice(0, masks[0].shape[0])).data != 0
    if not mask.any():
        raise BadInput(
            "marks no pixel",
            file=masks[0].name,
            remedy="give a VIGNETTING_MASK with the vignetted corner, or none",
        )
    return adapted_mask(mask, (ny, nx))


@dataclass(frozen=True)
class _Ifu:
    """The sky flats of one IFU and where their pixels lie."""

    raws: Sequence[RawFrame]
    flats: Sequence[FlatFielded]
    slices: SliceMap
    table: SlicePixels
    params: TwilightParams

    def reduce(self, grid: CoarseGrid) -> tuple[IfuSky, dict[str, Value]]:
        """Combine the exposures and return their sums on the grid, and their QC."""
        sky = IfuSky(grid, self.table, self.params.resample)
        inputs = [ImageStatistics() for _ in self.flats]
        saturated = [0] * len(self.flats)
        master = ImageStatistics()
        held: list[Pixels] = []
        in_cube = self.params.crplace == "cube" and self.params.crsigma > 0
        for rows in blocks(self.slices.shape[0], _ROWS):
            stack = self._stack(rows)
            for i, planes in enumerate(stack):
                inputs[i].add(planes.data)
                flagged = planes.dq & np.uint32(Flag.AD_SATURATED)
                saturated[i] += int(np.count_nonzero(flagged))
            planes = combine(stack, self.params)
            master.add(planes.data)
            self._repair(planes)
            for _, pixels in self.table.spread(rows, planes):
                if in_cube:
                    held.append(pixels)
                else:
                    sky.add(pixels)
        if in_cube and held:
            pixels = Pixels._make(
                np.concatenate(column) for column in zip(*held, strict=True)
            )
            statistic = _STATISTICS[self.params.crtype]
            sky.flag_cosmics(pixels, statistic, self.params.crsigma)
            sky.add(pixels)
        if not sky.flux > 0:
            raise BadInput(
                f"IFU {self.slices.ifu} has no light between {self.params.lambdamin:.0f} "
                f"and {self.params.lambdamax:.0f} A",
                file=self.raws[0].name,
                remedy="leave this IFU or these sky flats out",
            )
        name = f"QC TWILIGHT{self.slices.ifu}"
        qc: dict[str, Value] = {}
        for i, statistics in enumerate(inputs):
            qc |= {f"{name} INPUT{i + 1} {k}": v for k, v in statistics.keywords()}
            qc[f"{name} INPUT{i + 1} NSATURATED"] = saturated[i]
        qc |= {f"{name} MASTER {k}": v for k, v in master.keywords(flux=True)}
        return sky, qc

    def _stack(self, rows: slice) -> list[Planes]:
        """Return rows of all exposures, on request scaled to the time of the first."""
        stack = [flat.read(rows) for flat in self.flats]
        times = [float(raw.header.get("EXPTIME", 0.0)) for raw in self.raws]
        if not (self.params.scale and min(times) > 0):
            return stack
        factors = [np.float32(times[0] / time) for time in times]
        return [
            Planes(p.data * f, p.dq, p.stat * (f * f))
            for p, f in zip(stack, factors, strict=True)
        ]

    def _repair(self, planes: Planes) -> None:
        """Flag cosmic rays, if here, and bridge all flagged pixels in place."""
        if self.params.crsigma > 0 and self.params.crplace == "detector":
            flag_spikes(
                planes.data,
                planes.dq,
                planes.stat,
                _REACH,
                _STATISTICS[self.params.crtype],
                self.params.crsigma,
                int(Flag.COSMIC_RAY),
            )
        bridge_flagged(planes.data, planes.stat, planes.dq)


def _ifus(frames: Frames, params: TwilightParams) -> list[_Ifu]:
    """Return the IFUs that the sky flats hold, in ascending order."""
    numbers = sorted({int(raw.ifu) for raw in frames["SKYFLAT"]})
    return [_ifu(frames, params, number) for number in numbers]


def _ifu(frames: Frames, params: TwilightParams, ifu: int) -> _Ifu:
    """Gather the frames of one IFU."""

    def of_ifu(tag: str) -> list[Any]:
        return [frame for frame in frames.get(tag, ()) if frame.ifu == ifu]

    raws = of_ifu("SKYFLAT")
    for tag in ("MASTER_BIAS", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE"):
        if not of_ifu(tag):
            raise BadInput(
                f"no {tag} of IFU {ifu}",
                file=raws[0].name,
                keyword=f"CHAN{ifu:02d}",
                remedy=f"add the {tag} of this IFU to the set of frames",
            )

    bias = LastRows(of_ifu("MASTER_BIAS")[0])

    def in_counts(raw: RawFrame) -> CalibratedFrame:
        return calibrated(
            raw,
            bias,
            params,
            dark=next(iter(of_ifu("MASTER_DARK")), None),
            bad_pixels=of_ifu("BADPIX_TABLE"),
        )

    images, flat = [in_counts(raw) for raw in raws], LastRows(of_ifu("MASTER_FLAT")[0])
    check_exposures(images, lit=True)
    slices = slice_map(
        ifu,
        size_of(raws[0].shape).shape,
        of_ifu("TRACE_TABLE")[0],
        of_ifu("WAVECAL_TABLE")[0],
        frames["GEOMETRY_TABLE"][0],
    )
    corrections: list[Correction] = [*notch_filter(raws[0].header)]
    corrections += [
        measure_illumination(FlatFielded(in_counts(illum), flat), slices)
        for illum in of_ifu("ILLUM")
    ]
    table = SlicePixels(
        slices, low=params.lambdamin, high=params.lambdamax, corrections=corrections
    )
    if table.n_rows == 0:
        raise BadInput(
            f"IFU {ifu} has no pixel between {params.lambdamin:.0f} and "
            f"{params.lambdamax:.0f} A",
            file=raws[0].name,
            remedy="change lambdamin and lambdamax",
        )
    return _Ifu(raws, [FlatFielded(i, flat) for i in images], slices, table, params)
