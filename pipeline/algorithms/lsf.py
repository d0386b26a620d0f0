"""The line spread function of each slice, from LSF_PROFILE frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.sky import draw_lines
from pipeline.spec import BadInput, TableFrame


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


Lsf = Mapping[tuple[int, int], SliceLsf]
"""By IFU and slice (from 1); IFU 0 serves all IFUs that have none of their own."""


def read_lsf(frames: Sequence[TableFrame]) -> Lsf:
    """Read the line spread functions of all given IFUs.

    Raises
    ------
    BadInput
        If a file is not a cube of profiles, or one of them is empty.
    """
    found: dict[tuple[int, int], SliceLsf] = {}
    for frame in frames:
        name = next((n for n in frame.names if n.endswith("LSF_PROFILE")), None)
        table = frame.read(name)
        if name is None or "image" not in table.columns or table.columns["image"].ndim != 3:
            raise BadInput(
                "has no line spread functions",
                file=frame.name,
                keyword="EXTNAME",
                remedy="give an LSF_PROFILE in the form of a cube",
            )
        axes = [
            (
                float(table.header[f"CRVAL{i}"])
                + (1 - float(table.header[f"CRPIX{i}"]))
                * float(table.header[f"CD{i}_{i}"]),
                float(table.header[f"CD{i}_{i}"]),
            )
            for i in (1, 2)
        ]
        for number, profiles in enumerate(table.columns["image"], 1):
            centred = _centred(np.asarray(profiles, np.float64), axes[0])
            if not np.isfinite(centred).all():
                raise BadInput(
                    f"the line spread function of slice {number} is empty",
                    file=frame.name,
                    remedy="derive it again from arc exposures of all lamps",
                )
            found[frame.ifu or 0, number] = SliceLsf(centred, axes[0], axes[1])
    return found


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
