"""The field of view of one exposure in detector coordinates, before any astrometry."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import Matrix, field_to_plane
from pipeline.algorithms.dar import Refraction
from pipeline.algorithms.exposure import MergedPixels
from pipeline.algorithms.flux_calibration import FluxCalibration
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL, Extent, Grid
from pipeline.algorithms.pixels import SIGHT
from pipeline.algorithms.pointing import spaxel
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.kernels.field_image import add_to_image, find_elements
from pipeline.parallel import map_ordered
from pipeline.spec import Header, Pixels, Segment, Value, blocks

Result = TypeVar("Result")

BLOCK = 1_000_000
"""Pixels read at once."""

ONE_LINE = 160
"""Rows of a pixel table that hold a whole detector row of a slice."""

DRIFT = 8.0
"""Refraction and tilt move a slice by less than this between its ends [pix]."""

IMAGE_RANGE = 1000.0
"""Wavelengths that the image of the field shows [Angstrom]."""

N_STRIPES = 12
"""Parts in which they are read, each as long as a slab of a cube is tall."""

_ALIKE = (FluxCalibration, Refraction)
"""Steps that do the same to the pixels of all slices, and do not look at ``origin``."""

TANGENT = (0.0, 0.0)
"""Stands for "no position on the sky"."""


@dataclass(frozen=True)
class FieldGrid(Grid):
    """A grid along the axes of the field; ``CTYPE`` is PIXEL.

    ``spacing``: size of a voxel along x and y [pix].
    """

    spacing: tuple[float, float] = (1.0, 1.0)

    def image_wcs(self) -> dict[str, Value]:
        """Return the keywords of the two axes of the field [pix]."""
        words: dict[str, Value] = {}
        for axis, start, width in zip((1, 2), self.corner, self.spacing, strict=True):
            words |= {f"CRPIX{axis}": 1.0, f"CRVAL{axis}": start}
            words |= {f"CTYPE{axis}": "PIXEL", f"CUNIT{axis}": "pixel"}
            words[f"CD{axis}_{axis}"] = width
        return words | {"CD1_2": 0.0, "CD2_1": 0.0}

    @property
    def corner(self) -> tuple[float, float]:
        """Coordinates of the centre of the first voxel [pix]."""
        (x, y), (width, height) = self.reference, self.spacing
        return (1.0 - x) * width, (1.0 - y) * height

    def spaxels(self) -> tuple[Matrix, Matrix]:
        """Return the coordinates of all spaxels in the field, float64[ny, nx] [pix]."""
        y, x = np.indices(self.shape[1:])
        return self.corner[0] + self.spacing[0] * x, self.corner[1] + self.spacing[1] * y


def field_grid(
    extent: Extent,
    pixel: float,
    spacing: tuple[float, float] = (1.0, 1.0),
    step: float = ANGSTROM_PER_PIXEL,
) -> FieldGrid:
    """Return the grid of a field that just holds an extent.

    Parameters
    ----------
    extent
        x and y in pixels.
    pixel
        Size of a pixel of the field [arcsec].
    spacing
        Size of a voxel along x and y [pix].
    step
        Step in wavelength [Angstrom].
    """
    (x0, x1), (y0, y1), (low, high) = extent.x, extent.y, extent.wavelength
    width, height = spacing
    shape = (
        int(np.ceil((high - low) / step)) + 1,
        round((y1 - y0) / height) + 1,
        round((x1 - x0) / width) + 1,
    )
    cd = np.diag([width, height]) * pixel / 3600.0
    reference = (1.0 - x0 / width, 1.0 - y0 / height)
    return FieldGrid(shape, TANGENT, reference, cd, low, step, spacing=spacing)


def pixel_matrix(header: Header) -> Matrix:
    """Return the map from pixels of the field to arcsec, for `PlacedExposure`."""
    size = spaxel(header)
    return np.diag([size, size, 1.0])


def in_pixels(extent: Extent, size: float) -> Extent:
    """Return an extent in arcsec in pixels of a size [arcsec]."""
    x, y = ((a / size, b / size) for a, b in (extent.x, extent.y))
    return replace(extent, x=x, y=y)


def refraction_step(header: Header, reference: float) -> tuple[Step, ...]:
    """Return the correction of refraction, none or one step.

    None in narrow-field mode, whose optics do it, and for a reference wavelength out of
    range (genuine pipeline).
    """
    narrow = str(header.get("ESO INS MODE", "WFM")).startswith("NFM")
    if narrow or not 3500.0 <= reference <= 22000.0:
        return ()
    return (Refraction.of(header, reference),)


@dataclass(frozen=True)
class SkyPosition:
    """Where an exposure lies on the sky.

    ``solution``: header of its astrometric solution; ``tangent``: RA and DEC [deg] of its
    reference pixel.
    """

    solution: Header
    tangent: tuple[float, float]

    def of(self, field: "FieldExposure") -> tuple[Matrix, tuple[float, float]]:
        """Return the map from the field [pix] to the tangent plane [arcsec], and where
        that touches.
        """  # noqa: D205
        low, high = Sampled(field.pixels, field.low, field.high).extremes()
        middle = 0.5 * (low + high)
        place = float(middle[0]), float(middle[1])
        matrix, _ = field_to_plane(field.pixels.header, self.solution, place)
        return matrix, self.tangent


@dataclass(frozen=True)
class FieldExposure:
    """One exposure, what is to be done with its pixels, and the wavelengths of interest.

    Parameters
    ----------
    pixels
        All IFUs.
    steps
        Applied to pixels as read.
    low, high
        Wavelengths to keep [Angstrom].
    position
        Where it lies on the sky, for masks with celestial axes.
    every
        Only every so many slices are walked over: enough for what is alike everywhere.
    """

    pixels: MergedPixels
    steps: tuple[Step, ...]
    low: float
    high: float
    position: SkyPosition | None = None
    every: int = 1

    def sampled(self, every: int) -> "FieldExposure":
        """Return every so many slices of the exposure, where they lie at all wavelengths.

        Without correction for refraction: with it their images would move off each other
        from blue to red, and no element of the field be seen at all wavelengths.
        """
        steps = tuple(step for step in self.steps if not isinstance(step, Refraction))
        return replace(self, steps=steps, every=every)

    def after(self, *steps: Step) -> "FieldExposure":
        """Return the exposure with more steps."""
        return replace(self, steps=(*self.steps, *steps))

    @cached_property
    def placed(self) -> PlacedExposure:
        """The exposure as `pipeline.algorithms.resample` takes it."""
        matrix = pixel_matrix(self.pixels.header)
        pixels = Sampled(self.pixels, self.low, self.high)
        return PlacedExposure(pixels, self.steps, matrix, TANGENT)

    @cached_property
    def extent(self) -> Extent:
        """Extent of the pixels: x and y in pixels here."""
        return in_pixels(self.placed.extent(TANGENT), spaxel(self.pixels.header))

    @cached_property
    def grid(self) -> FieldGrid:
        """The grid that just holds the exposure, in natural steps."""
        return field_grid(self.extent, spaxel(self.pixels.header))

    def walk(self) -> Iterator[Pixels]:
        """Yield the pixels, processed, in blocks; threads prepare them."""
        yield from self.process(lambda pixels: pixels)

    def process(
        self, use: Callable[[Pixels], Result], columns: Sequence[str] = Pixels._fields
    ) -> Iterator[Result]:
        """Yield what ``use`` makes of the processed pixels, in blocks, in threads.

        Columns but for these may be empty.
        """

        def prepare(rows: slice) -> Result:
            return use(self.processed(rows, columns))

        yield from map_ordered(prepare, self.parts)

    @property
    def parts(self) -> list[slice]:
        """The rows of the pixels that are walked over, as they are read at once."""
        if self.every > 1:
            chosen = self.pixels.segments[:: self.every]
            return [slice(segment.start, segment.stop) for segment in chosen]
        return list(blocks(self.pixels.n_rows, BLOCK))

    @property
    def light_is_apart(self) -> bool:
        """Whether no step looks at where pixels lie to tell what light they have."""
        return all(isinstance(step, _ALIKE) for step in self.steps)

    def processed(self, rows: slice, columns: Sequence[str] = Pixels._fields) -> Pixels:
        """Return those of some rows that are of interest, and all columns steps need.

        Where `light_is_apart`, columns of positions need not be among them.
        """
        if not self.light_is_apart:
            columns = (*columns, "origin")
        pixels = self.pixels.read_between(rows, self.low, self.high, columns)
        return run_steps(pixels, self.steps)

    def near(
        self, x: float, y: float, reach: float, use: Callable[[Pixels], Result]
    ) -> Iterator[Result]:
        """Yield what ``use`` makes of each slice that comes closer than ``reach`` [pix].

        It gets the `SIGHT` of the processed pixels of the slice, in threads; some lie
        further away.
        """
        segments = self.pixels.segments
        away = map_ordered(lambda segment: self._distance(segment, x, y), segments)
        close = [s for s, d in zip(segments, away, strict=True) if d < reach]

        def prepare(segment: Segment) -> Result:
            return use(self.processed(slice(segment.start, segment.stop), SIGHT))

        yield from map_ordered(prepare, close)

    def _distance(self, segment: Segment, x: float, y: float) -> float:
        """Return how near a slice comes to a place, to within `DRIFT` [pix]."""
        ends = (segment.start, max(segment.start, segment.stop - ONE_LINE))
        rows = [slice(e, min(e + ONE_LINE, segment.stop)) for e in ends]
        parts = [self.pixels.read(some, ("xpos", "ypos")) for some in rows]
        dx, dy = (
            max(low - value, value - high, 0.0)
            for value, low, high in (
                (x, min(p.xpos.min() for p in parts), max(p.xpos.max() for p in parts)),
                (y, min(p.ypos.min() for p in parts), max(p.ypos.max() for p in parts)),
            )
        )
        return float(np.hypot(dx, dy)) - DRIFT

    @property
    def image_range(self) -> tuple[float, float]:
        """The wavelengths of `image` [Angstrom]."""
        low, high = self.extent.wavelength
        middle = 0.5 * (low + high)
        return max(low, middle - IMAGE_RANGE / 2), min(high, middle + IMAGE_RANGE / 2)

    def image(self) -> NDArray[np.float32]:
        """Return the mean around the middle wavelength, float32[ny, nx]; NaN if unseen."""
        edges = np.linspace(*self.image_range, N_STRIPES + 1)

        def prepare(number: int) -> Pixels:
            pixels = self.placed.pixels.read(float(edges[number]), float(edges[number + 1]))
            return run_steps(pixels, self.steps)

        _ = self.placed.pixels.samples  # read once, before threads ask for them
        return mean_image(self.grid, map_ordered(prepare, range(N_STRIPES)))


def mean_image(grid: FieldGrid, parts: Iterable[Pixels]) -> NDArray[np.float32]:
    """Return the mean of all pixels in each element of a field, without rejection.

    Returns
    -------
    float32[ny, nx]
        NaN where there are no pixels.
    """
    _, ny, nx = grid.shape
    sums, level = np.zeros((1, ny * nx, 2)), np.zeros((1, 1))
    nothing = (0.0, 1.0, np.zeros(1))
    for x, y, wavelength, data, dq, stat, _ in parts:
        element = find_elements(x, y, data, dq, grid.corner, (ny, nx))
        columns = element, wavelength, data, stat
        add_to_image(*columns, nothing, (0.0, 1e6, 1e6), level, 0.0, sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        image = sums[0, :, 1] / sums[0, :, 0]
    return np.asarray(image.reshape(ny, nx), np.float32)
