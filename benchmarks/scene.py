"""What an exposure's cube should show: the simulator's sources on the grid of the cube."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from benchmarks.crossing_night import crossing
from benchmarks.night import night
from pipeline.instrument import FULL, SAMPLING
from pipeline.simulator.atmosphere import seeing
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.pointing import LIGHT_SPEED, field_position, to_field, velocity
from pipeline.simulator.scene import Source
from pipeline.simulator.sky import sky_lines
from pipeline.simulator.stamps import GRID, NODES, galaxy_stamps, star_stamps

Floats = NDArray[np.float64]


def exposure_of(header: fits.Header) -> Exposure:
    """Return the simulated exposure that a cube was made of, by DATE-OBS."""
    for exposure in (*night(FULL), *crossing(FULL)):
        if exposure.timestamp == header["DATE-OBS"][:23]:
            return exposure
    raise SystemExit(f"no exposure of the benchmark began {header['DATE-OBS']}")


@dataclass(frozen=True)
class ExpectedScene:
    """An exposure as its cube shows it, pointing error included.

    ``others``: further exposures that were combined with it, each of a strip ``height``
    [pix] high.
    """

    exposure: Exposure
    wcs: WCS
    shape: tuple[int, int]
    others: tuple[Exposure, ...] = ()
    height: float = 0.0

    def place(self, source: Source) -> tuple[float, float]:
        """Return where the cube should show a source: x, y [pix, 0-based].

        The header does not know of pointing error and derotator wobble: a source is seen
        where its place in the field lies if the header is right. Nor do traces of the day
        know how far the image on the detector has moved along the slices since.
        """
        e = self.exposure
        x, y = field_position(e, source.ra, source.dec)
        x -= e.drift.x * FULL.stack_width / FULL.slice_width
        angle = math.radians(e.position_angle)
        s, c = math.sin(angle), math.cos(angle)
        east, north = (-c * x - s * y) * SAMPLING, (-s * x + c * y) * SAMPLING
        plane = WCS(naxis=2)
        plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        plane.wcs.crval = [e.pointing.ra, e.pointing.dec]
        plane.wcs.crpix = [1.0, 1.0]
        plane.wcs.cdelt = [1 / 3600, 1 / 3600]
        ra, dec = plane.wcs_pix2world(east, north, 0)
        px, py = self.wcs.wcs_world2pix(ra, dec, 0)
        return float(px), float(py)

    def image(
        self, source: Source, wavelength: float, place: tuple[float, float]
    ) -> Floats:
        """Return the image of a source of unit flux at a place, float64[ny, nx]."""
        images = [self._image(e, source, wavelength, place) for e in self._seen_by(source)]
        return np.asarray(np.mean(images, axis=0))

    def _seen_by(self, source: Source) -> list[Exposure]:
        """Return the exposures whose strip has the middle of a source."""
        found = []
        for exposure in (self.exposure, *self.others):
            _, y = field_position(exposure, source.ra, source.dec)
            if abs(y) < self.height / 2:
                found.append(exposure)
        return found or [self.exposure]

    def _image(
        self, e: Exposure, source: Source, wavelength: float, place: tuple[float, float]
    ) -> Floats:
        """Return the image of a source of unit flux in one exposure."""
        stamps = _stamps(e, source)
        node = int(np.clip(np.searchsorted(NODES, wavelength) - 1, 0, len(NODES) - 2))
        share = (wavelength - NODES[node]) / (NODES[node + 1] - NODES[node])
        stamp = (1 - share) * stamps[node] + share * stamps[node + 1]
        half, step = stamp.shape[0] // 2, GRID * SAMPLING
        window = self._around(place, half * GRID + 1)
        y, x = np.mgrid[window].astype(float)
        east, north = -(x - place[0]) * SAMPLING, (y - place[1]) * SAMPLING
        angle = math.radians(e.position_angle)
        s, c = math.sin(angle), math.cos(angle)
        field_x, field_y = -c * east - s * north, -s * east + c * north
        coordinates = [field_y / step + half, field_x / step + half]
        image = np.zeros(self.shape)
        image[window] = map_coordinates(stamp.astype(float), coordinates, order=1)
        return image

    def _around(self, place: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """Return the rows and columns nearer than ``reach`` to a place."""
        ends = [
            np.clip((math.floor(p - reach), math.ceil(p + reach) + 1), 0, n)
            for p, n in zip(reversed(place), self.shape, strict=True)
        ]
        y, x = (slice(int(low), int(high)) for low, high in ends)
        return y, x

    @cached_property
    def sources(self) -> list[tuple[Source, tuple[float, float]]]:
        """Sources with their expected places."""
        return [(s, self.place(s)) for s in self.exposure.scene.sources]

    def inside(self, place: tuple[float, float], margin: float) -> bool:
        """Say whether a place lies in the image, some pixels from its rim."""
        ny, nx = self.shape
        x, y = place
        return margin <= x <= nx - 1 - margin and margin <= y <= ny - 1 - margin

    def total(self, wavelength: Floats) -> Floats:
        """Return the mean image of all sources [1e-20 erg/s/cm^2/Angstrom per pixel]."""
        total, middle = np.zeros(self.shape), float(wavelength.mean())
        for source, place in self.sources:
            flux = float(source.continuum(wavelength).mean())
            total += 1e20 * flux * self.image(source, middle, place)
        return total

    @property
    def shift(self) -> float:
        """Barycentric over observed wavelength."""
        return 1 + velocity(self.exposure) / LIGHT_SPEED

    def sky_lines(self) -> tuple[Floats, Floats]:
        """Return barycentric wavelengths [Angstrom] and fluxes [1e-20 erg/s/cm^2/pix]."""
        lines, fluxes = sky_lines(self.exposure.seed)
        return lines * self.shift, fluxes * SAMPLING**2 * 1e20


def _stamps(exposure: Exposure, source: Source) -> NDArray[np.float32]:
    fwhms = tuple(float(f) for f in seeing(exposure, np.array(NODES)))
    if source.radius == 0:
        return star_stamps(fwhms)
    angle = math.radians(source.angle)
    x, y = to_field(exposure, math.sin(angle), math.cos(angle))
    direction = (x / math.hypot(x, y), y / math.hypot(x, y))
    return galaxy_stamps(fwhms, source.radius, source.axis_ratio, direction)
