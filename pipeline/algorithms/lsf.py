"""The line spread function of each slice, from LSF_PROFILE frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf_hermit import is_usable, read_parameters
from pipeline.instrument import FULL
from pipeline.kernels.sky import draw_lines
from pipeline.spec import BadInput, Table, TableFrame

REACH, N_OFFSETS, N_NODES = 7.5, 150, 30
"""Half width [Angstrom] and samples of a profile and number of wavelengths, at which
parameters are tabulated: the default of muse_lsf."""


@dataclass(frozen=True)
class SliceLsf:
    """Line spread function of one slice.

    Parameters
    ----------
    profiles : float64[n_nodes, n_offsets]
        [1/Angstrom] at some wavelengths; area 1, centred on their mean.
    offsets
        First offset from the line and step [Angstrom].
    nodes
        First wavelength and step [Angstrom].
    """

    profiles: NDArray[np.float64]
    offsets: tuple[float, float]
    nodes: tuple[float, float]

    def draw(
        self,
        wavelength: NDArray[np.float64],
        flux: NDArray[np.float64],
        first: float,
        step: float,
        n: int,
    ) -> NDArray[np.float64]:
        """Return a spectrum of emission lines, float64[n] [flux per Angstrom].

        Parameters
        ----------
        wavelength, flux : float64[n_lines]
            The lines [Angstrom].
        first, step, n
            First wavelength, step [Angstrom] and length of the spectrum.
        """
        spectrum = np.zeros(n)
        draw_lines(
            wavelength,
            flux,
            self.profiles,
            self.offsets,
            self.nodes,
            (first, step),
            spectrum,
        )
        return spectrum

    def over_bins(self, width: float) -> "SliceLsf":
        """Return the function for the mean over bins of some width [Angstrom]."""
        step = self.offsets[1]
        fine = width * ((np.arange(9) + 0.5) / 9 - 0.5)
        x = self.offsets[0] + step * np.arange(self.profiles.shape[1])
        smeared = [
            np.mean([np.interp(x + d, x, row, left=0.0, right=0.0) for d in fine], axis=0)
            for row in self.profiles
        ]
        return SliceLsf(np.array(smeared), self.offsets, self.nodes)

    def smeared(self, sigma: float) -> "SliceLsf":
        """Return the function smeared by a Gaussian [Angstrom], with the same area."""
        step, n = self.offsets[1], (self.profiles.shape[1] - 1) // 2
        kernel = np.exp(-0.5 * (step * np.arange(-n, n + 1) / sigma) ** 2)
        wide = np.array([np.convolve(row, kernel, mode="same") for row in self.profiles])
        wide *= (self.profiles.sum(axis=1) / wide.sum(axis=1))[:, np.newaxis]
        return SliceLsf(wide, self.offsets, self.nodes)


Lsf = Mapping[tuple[int, int], SliceLsf]
"""By IFU and slice (from 1); IFU 0 serves all IFUs that have none of their own."""


def read_lsf(frames: Sequence[TableFrame]) -> Lsf:
    """Read the line spread functions of all given IFUs, as a cube or as parameters.

    Raises
    ------
    BadInput
        If a file holds neither, or a function is empty.
    """
    found: dict[tuple[int, int], SliceLsf] = {}
    for frame in frames:
        for name in frame.names:
            if name.endswith("SLICE_PARAM"):
                found.update(_parametrised(frame, frame.read(name)))
                break
            table = frame.read(name)
            if name.endswith("LSF_PROFILE") and _is_cube(table):
                found.update(_tabulated(frame, table))
                break
        else:
            raise BadInput(
                "has no line spread functions",
                file=frame.name,
                keyword="EXTNAME",
                remedy="give an LSF_PROFILE as muse_lsf writes it",
            )
    return found


def _is_cube(table: Table) -> bool:
    """Tell whether an extension is an image of three axes."""
    return "image" in table.columns and table.columns["image"].ndim == 3


def _tabulated(
    frame: TableFrame, table: Table
) -> Iterator[tuple[tuple[int, int], SliceLsf]]:
    """Yield the functions of an image ``LSF_PROFILE`` by IFU and slice."""
    axes = [
        (
            float(table.header[f"CRVAL{i}"])
            + (1 - float(table.header[f"CRPIX{i}"])) * float(table.header[f"CD{i}_{i}"]),
            float(table.header[f"CD{i}_{i}"]),
        )
        for i in (1, 2)
    ]
    for number, profiles in enumerate(table.columns["image"], 1):
        centred = _centred(np.asarray(profiles, np.float64), axes[0])
        if not np.isfinite(centred).all():
            raise _empty(frame, number)
        yield (frame.ifu or 0, number), SliceLsf(centred, axes[0], axes[1])


def _parametrised(
    frame: TableFrame, table: Table
) -> Iterator[tuple[tuple[int, int], SliceLsf]]:
    """Yield the functions of a table ``SLICE_PARAM`` by IFU and slice."""
    missing = {"ifu", "slice", "slit_width", "bin_width", "lsf_width"} - set(table.columns)
    if missing or "hermit6" not in table.columns:
        raise BadInput(
            f"has no column {min(missing or {'hermit6'})}",
            file=frame.name,
            keyword="TTYPEn",
            remedy="give an LSF_PROFILE as muse_lsf --method=hermit writes it",
        )
    offsets = np.linspace(-REACH, REACH, N_OFFSETS)
    nodes = np.linspace(FULL.blue, FULL.red, N_NODES)
    axes = (-REACH, float(offsets[1] - offsets[0])), (FULL.blue, float(nodes[1] - nodes[0]))
    for place, function in read_parameters(table.columns).items():
        if not is_usable(function):
            raise _empty(frame, place[1])
        yield place, SliceLsf(_centred(function.at(nodes, offsets), axes[0]), *axes)


def _empty(frame: TableFrame, number: int) -> BadInput:
    """Return the refusal of a function that is none."""
    return BadInput(
        f"the line spread function of slice {number} is empty",
        file=frame.name,
        remedy="derive it again from arc exposures of all lamps",
    )


def _centred(
    profiles: NDArray[np.float64], offsets: tuple[float, float]
) -> NDArray[np.float64]:
    """Return profiles of area 1 with their mean at offset 0."""
    x = offsets[0] + offsets[1] * np.arange(profiles.shape[1])
    rows = []
    for row in profiles:
        total = row.sum() * offsets[1]
        with np.errstate(invalid="ignore"):  # an empty one becomes NaN
            middle = (row * x).sum() * offsets[1] / total
            rows.append(np.interp(x + middle, x, row, left=0.0, right=0.0) / total)
    return np.array(rows)


def mean_lsf(lsf: Lsf) -> SliceLsf:
    """Return the mean over all slices."""
    first = next(iter(lsf.values()))
    profiles = np.mean([one.profiles for one in lsf.values()], axis=0)
    return SliceLsf(profiles, first.offsets, first.nodes)


def lsf_of(lsf: Lsf, ifu: int, number: int) -> SliceLsf | None:
    """Return the function of a slice, or that for all IFUs, or None."""
    return lsf.get((ifu, number)) or lsf.get((0, number))
