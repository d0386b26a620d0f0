"""MUSE described once: detectors, slices, field, modes; the full and the mini size.

The mini size has the same keywords and the same code path as the real instrument but a
small detector, few slices and a short wavelength range; it serves tests and the demo.
Sources: MUSE pipeline manual 2.8 (appendix A), ESO-261650 user manual; the slice
arrangement of the image slicer as the genuine pipeline's geometry tables show it.
"""

from dataclasses import dataclass
from typing import Literal

SAMPLING = 0.2
"""Sampling of the wide field [arcsec/pix], along and across the slices."""

DISPERSION = 1.25
"""Nominal sampling in wavelength [Angstrom/pix]."""

SATURATION = 65500
"""Raw counts above this, and counts of 0, are saturated [adu] (genuine pipeline)."""


FOCAL_SCALE = 1.705
"""Scale of the focal plane where the masks stand, unless TEL FOCU SCALE says another one
[arcsec/mm]."""

PINHOLE_ROWS = 0.6135
"""Vertical distance of the rows of the multi-pinhole mask [mm] (its design, +-0.001)."""

PINHOLES_PER_SLICE = 3
"""Pinholes of one row that a slice sees."""


@dataclass(frozen=True)
class Quadrant:
    """One read-out port; number 1..4 counter-clockwise from the lower left.

    All slices are 0-based, half open: ``raw_y, raw_x`` the illuminated part in the raw
    frame, ``trim_y, trim_x`` its place in the trimmed image, ``over_x`` the columns of
    the vertical overscan, ``pre_x`` of the prescan, ``over_y`` the rows of the
    horizontal overscan.
    """

    number: int
    raw_y: slice
    raw_x: slice
    trim_y: slice
    trim_x: slice
    over_x: slice
    pre_x: slice
    over_y: slice
    pre_y: slice


def _half(n: int, scan: int, far: bool) -> tuple[slice, slice, slice, slice]:
    """Return the illuminated part, its trimmed place, the overscan and the prescan.

    Along one axis a frame is prescan, near half, its overscan, the overscan of the far
    half, far half, prescan.
    """
    if far:
        start = n + 3 * scan
        return (
            slice(start, start + n),
            slice(n, 2 * n),
            slice(start - scan, start),
            slice(start + n, start + n + scan),
        )
    return slice(scan, scan + n), slice(0, n), slice(scan + n, n + 2 * scan), slice(0, scan)


@dataclass(frozen=True)
class Size:
    """Dimensions of one instrument size.

    Parameters
    ----------
    name
        ``full`` or ``mini``.
    n_ifus, n_slices, n_stacks
        Spectrographs, slices of each, and columns of slices on the sky.
    quadrant_nx, quadrant_ny, scan
        Light-sensitive pixels of a port and width of its pre- and overscan [pix].
    slice_width, slice_width_min, slice_width_max
        Width of a slice on the CCD [pix]: nominal and what tracing accepts.
    blue, red
        Wavelengths that every slice records [Angstrom].
    sky_order
        Sky position (1-based, within the stack) of consecutive CCD slices.
    """

    name: Literal["full", "mini"]
    n_ifus: int
    n_slices: int
    n_stacks: int
    quadrant_nx: int
    quadrant_ny: int
    scan: int
    slice_width: float
    slice_width_min: float
    slice_width_max: float
    blue: float
    red: float
    sky_order: tuple[int, ...]

    @property
    def raw_shape(self) -> tuple[int, int]:
        """Rows and columns of a raw frame [pix]."""
        return 2 * (self.quadrant_ny + 2 * self.scan), 2 * (
            self.quadrant_nx + 2 * self.scan
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a trimmed image [pix]."""
        return 2 * self.quadrant_ny, 2 * self.quadrant_nx

    @property
    def slices_per_stack(self) -> int:
        """Number of slices on top of each other in one stack."""
        return self.n_slices // self.n_stacks

    @property
    def stack_width(self) -> float:
        """Width of a stack on the sky [pix of 0.2 arcsec]."""
        return {"full": 75.0, "mini": 30.0}[self.name]

    @property
    def pinhole_pitch(self) -> float:
        """Horizontal distance of the pinholes of the mask [mm] (its design, +-0.001)."""
        return {"full": 2.945, "mini": 1.178}[self.name]

    def quadrants(self) -> tuple[Quadrant, ...]:
        """Return the four ports: lower left, lower right, upper right, upper left."""
        ports = ((1, False, False), (2, False, True), (3, True, True), (4, True, False))
        quadrants = []
        for number, upper, right in ports:
            raw_y, trim_y, over_y, pre_y = _half(self.quadrant_ny, self.scan, upper)
            raw_x, trim_x, over_x, pre_x = _half(self.quadrant_nx, self.scan, right)
            quadrants.append(
                Quadrant(number, raw_y, raw_x, trim_y, trim_x, over_x, pre_x, over_y, pre_y)
            )
        return tuple(quadrants)

    def sky_slice(self, ccd_slice: int) -> int:
        """Return the sky slice (1-based) of a CCD slice (1-based)."""
        stack, place = divmod(ccd_slice - 1, self.slices_per_stack)
        return stack * self.slices_per_stack + self.sky_order[place]

    def slice_centre(self, ifu: int, ccd_slice: int) -> tuple[float, float]:
        """Return the nominal centre x, y [pix] of a slice in the field of view.

        IFU 1 is at the bottom; the origin is the middle of the field.
        """
        sky = self.sky_slice(ccd_slice) - 1
        stack, row = divmod(sky, self.slices_per_stack)
        n = self.slices_per_stack
        x = (stack - (self.n_stacks - 1) / 2) * self.stack_width
        y = (ifu - (self.n_ifus + 1) / 2) * n + (row - (n - 1) / 2)
        return x, y


FULL = Size(
    name="full",
    n_ifus=24,
    n_slices=48,
    n_stacks=4,
    quadrant_nx=2048,
    quadrant_ny=2056,
    scan=32,
    slice_width=77.0,
    slice_width_min=72.2,
    slice_width_max=82.2,
    blue=4650.0,
    red=9300.0,
    sky_order=(9, 8, 1, 10, 7, 2, 11, 6, 3, 12, 5, 4),
)
MINI = Size(
    name="mini",
    n_ifus=4,
    n_slices=12,
    n_stacks=2,
    quadrant_nx=224,
    quadrant_ny=672,
    scan=8,
    slice_width=31.0,
    slice_width_min=28.0,
    slice_width_max=34.0,
    blue=5400.0,
    red=7000.0,
    sky_order=(5, 4, 1, 6, 3, 2),
)
SIZES = {size.name: size for size in (FULL, MINI)}


def size_of(shape: tuple[int, int]) -> Size:
    """Return the size that has raw or trimmed images of this shape.

    Raises
    ------
    ValueError
        If neither size has it.
    """
    for size in SIZES.values():
        if shape in (size.raw_shape, size.shape):
            return size
    known = ", ".join(
        f"{s.name} {s.raw_shape[1]} x {s.raw_shape[0]}" for s in SIZES.values()
    )
    raise ValueError(f"no MUSE detector has {shape[1]} x {shape[0]} pixels ({known})")
