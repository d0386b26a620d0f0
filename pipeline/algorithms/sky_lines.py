"""Emission lines of the sky: a SKY_LINES table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.spec import Columns

Array = NDArray[np.float64]

MARGIN = 5.0
"""Lines up to this far outside the spectrum are kept [Angstrom] (genuine pipeline)."""


@dataclass(frozen=True)
class SkyLines:
    """Lines of the sky, each [n]: name, group, wavelength [A], flux, flag, given flux."""

    name: NDArray[np.str_]
    group: NDArray[np.int32]
    wavelength: Array
    flux: Array
    dq: NDArray[np.int32]
    given: Array

    @classmethod
    def of(cls, columns: Columns, low: float, high: float) -> "SkyLines":
        """Return the good lines of a SKY_LINES table that a spectrum may show.

        Groups are numbered from 0 without gaps.
        """
        wavelength = np.asarray(columns["lambda"], np.float64)
        dq = np.asarray(columns["dq"], np.int32)
        use = (wavelength >= low - MARGIN) & (wavelength <= high + MARGIN) & (dq == 0)
        _, group = np.unique(np.asarray(columns["group"])[use], return_inverse=True)
        flux = np.asarray(columns["flux"], np.float64)[use]
        return cls(
            np.asarray(columns["name"])[use],
            group.astype(np.int32),
            wavelength[use],
            flux,
            dq[use],
            flux,
        )

    def brightest_first(self) -> "SkyLines":
        """Return the lines by decreasing flux."""
        order = np.argsort(-self.flux, kind="stable")
        return SkyLines(*(getattr(self, f)[order] for f in self.__dataclass_fields__))

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns of a SKY_LINES table."""
        return {
            "name": self.name,
            "group": self.group,
            "lambda": self.wavelength,
            "flux": self.flux,
            "dq": self.dq,
        }
