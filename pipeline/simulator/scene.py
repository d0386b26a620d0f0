"""What is on the sky: stars, galaxies with emission lines, nebulae, real cubes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.static import static_path

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """An emission line: wavelength in air and rest of the barycentre [Angstrom], flux
    [erg/s/cm^2], Gaussian sigma [Angstrom].
    """  # noqa: D205

    wavelength: float
    flux: float
    sigma: float = 1.0


@dataclass(frozen=True)
class Source:
    """A source with a continuum and emission lines.

    Parameters
    ----------
    name
        For the truth file.
    ra, dec
        [deg].
    flux
        Continuum at 7000 Angstrom [erg/s/cm^2/Angstrom].
    slope
        Exponent of wavelength of the continuum.
    absorption
        Stellar absorption lines: pairs of wavelength [Angstrom] and depth.
    lines
        Emission lines.
    radius
        Scale length of an exponential disc [arcsec]; 0 for a star.
    axis_ratio, angle
        Shape of the disc; position angle of its major axis, north over east [deg].
    rotation
        Half of the velocity difference between the two sides of the disc [km/s].
    spectrum
        Name of a standard star whose tabulated flux is used instead of a continuum.
    """

    name: str
    ra: float
    dec: float
    flux: float = 0.0
    slope: float = 0.0
    absorption: tuple[tuple[float, float], ...] = ()
    lines: tuple[Line, ...] = ()
    radius: float = 0.0
    axis_ratio: float = 1.0
    angle: float = 0.0
    rotation: float = 0.0
    spectrum: str = ""

    def continuum(self, wavelength: Floats) -> Floats:
        """Return the continuum [erg/s/cm^2/Angstrom] at the barycentre, in air."""
        if self.spectrum:
            return standard_flux(self.spectrum, wavelength)
        shape = self.flux * (wavelength / 7000) ** self.slope
        for centre, depth in self.absorption:
            shape = shape * (1 - depth * np.exp(-0.5 * ((wavelength - centre) / 4) ** 2))
        return np.asarray(shape)

    def emission(self, wavelength: Floats, velocity: float = 0.0) -> Floats:
        """Return the emission lines [erg/s/cm^2/Angstrom], moved by a velocity [km/s]."""
        total = np.zeros_like(wavelength)
        for line in self.lines:
            centre = line.wavelength * (1 + velocity / 299792.458)
            profile = np.exp(-0.5 * ((wavelength - centre) / line.sigma) ** 2)
            total += line.flux * profile / (line.sigma * np.sqrt(2 * np.pi))
        return total


@dataclass(frozen=True)
class CubeSource:
    """A real cube as a source: the object MUSE saw, imaged again.

    ``path``: FITS file with a cube in 1e-20 erg/s/cm^2/Angstrom and spaxels of 0.2
    arcsec, North up; ``ra``, ``dec``: where its centre is put [deg].
    """

    name: str
    path: Path
    ra: float
    dec: float


@dataclass(frozen=True)
class Scene:
    """Everything on the sky in one field."""

    sources: tuple[Source, ...] = ()
    cubes: tuple[CubeSource, ...] = field(default=())

    def truth(self) -> Mapping[str, Any]:
        """Return the scene for the truth file."""
        cubes = [{**asdict(cube), "path": str(cube.path)} for cube in self.cubes]
        return {"sources": [asdict(source) for source in self.sources], "cubes": cubes}


def standard_flux(name: str, wavelength: Floats) -> Floats:
    """Return the flux of a standard star of the shipped STD_FLUX_TABLE."""
    table = standard_table(name)
    return np.asarray(np.interp(wavelength, table["lambda"], table["flux"]))


def standard_position(name: str) -> tuple[float, float]:
    """Return ra, dec [deg] of a standard star of the shipped STD_FLUX_TABLE."""
    header = _standard(name)[1]
    return float(header["RA"]), float(header["DEC"])


def standard_table(name: str) -> NDArray[Any]:
    """Return the rows of a standard star: lambda [Angstrom], flux."""
    return _standard(name)[0]


@cache
def astrometric_table() -> tuple[NDArray[Any], tuple[float, float]]:
    """Return the stars of the shipped ASTROMETRY_REFERENCE and the field's centre [deg]."""
    with fits.open(static_path("ASTROMETRY_REFERENCE"), memmap=False) as units:
        header = units[1].header
        return np.array(units[1].data), (float(header["RA"]), float(header["DEC"]))


@cache
def _standard(name: str) -> tuple[NDArray[Any], Mapping[str, Any]]:
    """Read one extension of the shipped table of standard stars."""
    with fits.open(static_path("STD_FLUX_TABLE"), memmap=False) as units:
        unit = units[name]
        return np.array(unit.data), dict(unit.header)
