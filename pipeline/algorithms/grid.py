"""The grid of voxels of a cube and its world coordinates."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.air import air_to_vacuum, vacuum_to_air
from pipeline.algorithms.astrometry import (
    Matrix,
    cd_matrix,
    change_of_tangent,
    sky_from_plane,
)
from pipeline.kernels.project import celestial_from_plane, linear_planes
from pipeline.spec import BadInput, Header, Value

ANGSTROM_PER_PIXEL = 1.25
"""Natural sampling of the spectra (MUSE user manual)."""

LOG_SHORTENING = 1.6
"""How much finer a logarithmic axis begins than the natural sampling (genuine pipeline)."""


@dataclass(frozen=True)
class Extent:
    """Range of positions [arcsec, in the tangent plane] and wavelengths [Angstrom]."""

    x: tuple[float, float]
    y: tuple[float, float]
    wavelength: tuple[float, float]

    def __or__(self, other: "Extent") -> "Extent":
        """Return the extent of both."""
        ranges = zip(
            (self.x, self.y, self.wavelength),
            (other.x, other.y, other.wavelength),
            strict=True,
        )
        return Extent(*((min(a[0], b[0]), max(a[1], b[1])) for a, b in ranges))


@dataclass(frozen=True)
class Grid:
    """A regular grid: tangent plane and wavelength.

    Parameters
    ----------
    shape
        Planes, rows and columns.
    tangent
        RA and DEC of the tangent point [deg].
    reference
        CRPIX1 and CRPIX2 [pix].
    cd : float64[2, 2]
        [deg/pix].
    first, step
        Wavelength of the first plane and the step between planes [Angstrom].
    logarithmic
        Whether the steps grow with wavelength (``AWAV-LOG``, ``WAVE-LOG``).
    vacuum
        Whether ``first`` and ``step`` are wavelengths in vacuum (``WAVE``).

    Notes
    -----
    Wavelengths that come and go are those in air, in which pixel tables are.
    """

    shape: tuple[int, int, int]
    tangent: tuple[float, float]
    reference: tuple[float, float]
    cd: Matrix
    first: float
    step: float
    logarithmic: bool = False
    vacuum: bool = False

    @property
    def spaxel(self) -> tuple[float, float]:
        """Size of a voxel along x and y [arcsec]."""
        return float(np.hypot(*self.cd[:, 0]) * 3600), float(
            np.hypot(*self.cd[:, 1]) * 3600
        )

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the wavelength of every plane, float64[n] [Angstrom]."""
        return np.asarray(self.wavelength(np.arange(self.shape[0], dtype=np.float64)))

    def wavelength(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the wavelengths of planes, which may be fractions [Angstrom]."""
        if self.logarithmic:
            found = np.asarray(self.first * np.exp(plane * self.step / self.first))
        else:
            found = np.asarray(self.first + plane * self.step)
        return vacuum_to_air(found) if self.vacuum else found

    def plane(
        self, wavelength: NDArray[np.floating], stretch: float = 1.0
    ) -> NDArray[np.float32]:
        """Return the planes (with fractions) of stretched wavelengths, float32[n]."""
        if not (self.vacuum or self.logarithmic):
            return linear_planes(wavelength, stretch, self.first, self.step)
        exact = wavelength.astype(np.float64) * stretch
        if self.vacuum:
            exact = air_to_vacuum(exact)
        if self.logarithmic:
            planes = np.log(exact / self.first) * (self.first / self.step)
        else:
            planes = (exact - self.first) / self.step
        return planes.astype(np.float32)

    def from_plane(self, tangent: tuple[float, float]) -> Matrix:
        """Return the map from a tangent plane [arcsec] to voxels (0-based)."""
        matrix = np.eye(3)
        matrix[:2, :2] = np.linalg.inv(self.cd * 3600.0)
        matrix[:2, 2] = np.array(self.reference) - 1.0
        return np.asarray(matrix @ change_of_tangent(tangent, self.tangent))

    def sky(self, x: float, y: float) -> tuple[float, float]:
        """Return RA and DEC [deg] of a place on the grid [voxel, 0-based]."""
        offset = np.array([x, y]) + 1.0 - self.reference
        east, north = self.cd @ offset
        return sky_from_plane(float(east), float(north), self.tangent)

    def spaxels(self) -> tuple[Matrix, Matrix]:
        """Return RA and DEC of all spaxels, float64[ny, nx] [deg]."""
        _, ny, nx = self.shape
        y, x = np.indices((ny, nx)).reshape(2, -1)
        east, north = 3600.0 * self.cd @ (np.stack([x, y], 1) + 1.0 - self.reference).T
        plane = east.astype(np.float32), north.astype(np.float32)
        ra, dec = celestial_from_plane(*plane, self.tangent, self.tangent)
        return (
            (self.tangent[0] + ra.astype(np.float64)).reshape(ny, nx) % 360.0,
            (self.tangent[1] + dec.astype(np.float64)).reshape(ny, nx),
        )

    def wcs(self) -> dict[str, Value]:
        """Return the keywords of the coordinate system."""
        return {**self.image_wcs(), **self._spectral_wcs()}

    def image_wcs(self) -> dict[str, Value]:
        """Return the keywords of its two spatial axes."""
        words: dict[str, Value] = {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRPIX1": self.reference[0],
            "CRPIX2": self.reference[1],
        }
        for i in (0, 1):
            for j in (0, 1):
                words[f"CD{i + 1}_{j + 1}"] = float(self.cd[i, j])
        return words | {"CRVAL1": self.tangent[0], "CRVAL2": self.tangent[1]}

    def _spectral_wcs(self) -> dict[str, Value]:
        """Return the keywords of the wavelength axis."""
        return {
            "CTYPE3": ("WAVE" if self.vacuum else "AWAV")
            + ("-LOG" if self.logarithmic else ""),
            "CUNIT3": "Angstrom",
            "CD3_3": self.step,
            "CRPIX3": 1.0,
            "CRVAL3": self.first,
            "CD1_3": 0.0,
            "CD2_3": 0.0,
            "CD3_1": 0.0,
            "CD3_2": 0.0,
        }


def natural_grid(
    extent: Extent, tangent: tuple[float, float], spaxel: tuple[float, float], step: float
) -> Grid:
    """Return the grid, north up and east to the left, that just holds an extent.

    Parameters
    ----------
    extent
        Of all pixels, in the plane that touches at ``tangent``.
    tangent
        RA and DEC of the tangent point [deg].
    spaxel
        Size of a voxel along x and y [arcsec].
    step
        Step in wavelength [Angstrom].
    """
    nx, ny = (
        int(np.floor((high - low) / size + 0.5)) + 1
        for (low, high), size in zip((extent.x, extent.y), spaxel, strict=True)
    )
    low, high = extent.wavelength
    shape = (int(np.ceil((high - low) / step)) + 1, ny, nx)
    reference = (1.0 + extent.x[1] / spaxel[0], 1.0 - extent.y[0] / spaxel[1])
    cd = np.diag([-spaxel[0] / 3600.0, spaxel[1] / 3600.0])
    return Grid(shape, tangent, reference, cd, low, step)


def forced_grid(header: Header, name: str, natural: Grid, step: float = 0.0) -> Grid:
    """Return the grid of an OUTPUT_WCS file, completed by the natural one.

    Parameters
    ----------
    header, name
        Keywords of the file, ``NAXISn`` among them, and its name.
    natural
        The grid that just holds the data.
    step
        Step in wavelength that is asked for [Angstrom]; 0 for the usual one.

    Raises
    ------
    BadInput
        If its axes are not supported.
    """
    _check_axes(header, name)
    nz, ny, nx = natural.shape
    nx, ny = int(header.get("NAXIS1", nx)), int(header.get("NAXIS2", ny))
    tangent = tuple(float(header.get(f"CRVAL{i + 1}", natural.tangent[i])) for i in (0, 1))
    middle = ((nx + 1) / 2, (ny + 1) / 2)
    reference = tuple(float(header.get(f"CRPIX{i + 1}", middle[i])) for i in (0, 1))
    kind = str(header.get("CTYPE3", "AWAV")).strip()
    logarithmic, vacuum = kind.endswith("-LOG"), kind.startswith("WAVE")
    size = _ANGSTROM[str(header.get("CUNIT3", "")).strip().lower()]
    usual = step or natural.step / (LOG_SHORTENING if logarithmic else 1.0)
    width = float(header["CD3_3"]) * size if "CD3_3" in header else usual
    ends = natural.wavelength(np.array([0.0, nz - 1.0]))
    low, high = air_to_vacuum(ends) if vacuum else ends
    first = float(header["CRVAL3"]) * size if "CRVAL3" in header else float(low)
    origin = (1.0 - float(header.get("CRPIX3", 1.0))) * width
    if logarithmic:  # steps are relative to the wavelength of the reference pixel
        growth = float(np.exp(origin / first))
        first, width = first * growth, width * growth
    else:
        first += origin
    if "NAXIS3" in header:
        nz = int(header["NAXIS3"])
    else:
        planes = np.log(high / first) * first if logarithmic else high - first
        nz = int(np.ceil(planes / width)) + 1
    return Grid(
        (nz, ny, nx),
        (tangent[0], tangent[1]),
        (reference[0], reference[1]),
        cd_matrix(header),
        first,
        width,
        logarithmic,
        vacuum,
    )


_SPECTRAL = ("AWAV", "AWAV-LOG", "WAVE", "WAVE-LOG")

_ANGSTROM = {"": 1.0, "angstrom": 1.0, "0.1nm": 1.0, "nm": 10.0, "um": 1e4, "m": 1e10}
"""Units of wavelength."""


def _check_axes(header: Header, name: str) -> None:
    """Refuse axes that cubes do not have (MUSE pipeline manual, appendix A.4.1)."""
    kinds = str(header.get("CTYPE1", "RA---TAN")), str(header.get("CTYPE2", "DEC--TAN"))
    spectral = str(header.get("CTYPE3", "AWAV")).strip()
    if kinds != ("RA---TAN", "DEC--TAN") or spectral not in _SPECTRAL:
        raise BadInput(
            f"axes {kinds[0]}, {kinds[1]}, {spectral} are not supported",
            file=name,
            keyword="CTYPE1",
            remedy=f"give RA---TAN, DEC--TAN and one of {', '.join(_SPECTRAL)}",
        )
    for keyword, units in (
        ("CUNIT1", ("", "deg")),
        ("CUNIT2", ("", "deg")),
        ("CUNIT3", tuple(_ANGSTROM)),
    ):
        if str(header.get(keyword, "")).strip().lower() not in units:
            raise BadInput(
                f"unit {header[keyword]} is not supported",
                file=name,
                keyword=keyword,
                remedy=f"give one of {', '.join(filter(None, units))}",
            )
    for keyword in header:
        if re.fullmatch(r"PC\d+_\d+", keyword):
            raise BadInput(
                "is not evaluated",
                file=name,
                keyword=keyword,
                remedy="give the matrix as CDi_j",
            )
    for keyword in ("CD1_3", "CD2_3", "CD3_1", "CD3_2"):
        if float(header.get(keyword, 0.0)) != 0.0:
            raise BadInput(
                "tilts the axis of wavelength",
                file=name,
                keyword=keyword,
                remedy="give a matrix that leaves it to itself",
            )
