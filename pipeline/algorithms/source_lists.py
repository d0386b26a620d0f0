"""Positions of sources given for images, instead of detected ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.daofind import PointSources
from pipeline.spec import BadInput, Frame, TableFrame

_COLUMNS = ("X", "Y")
"""Columns that a list must have; the sky positions are made from them."""


def given_sources(image: Frame, lists: Sequence[TableFrame]) -> PointSources:
    """Return the sources of the SOURCE_LIST that belongs to an image, by ``MJD-OBS``.

    Without a flux all sources count alike; a shape that is not given is NaN.

    Raises
    ------
    BadInput
        If there is no list of the exposure, or more than one, or one without positions.
    """
    date = image.header.get("MJD-OBS")
    own = [one for one in lists if one.header.get("MJD-OBS", "") == date]
    if len(own) != 1:
        raise BadInput(
            f"has {len(own)} lists of sources among {len(lists)}",
            file=image.name,
            keyword="MJD-OBS",
            remedy="give a SOURCE_LIST of the same MJD-OBS for each image, or leave "
            "--override_detection=false",
        )
    columns = own[0].read().columns
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise BadInput(
            f"has no column {missing[0]}",
            file=own[0].name,
            keyword="TTYPE1",
            remedy="give the columns X and Y, in pixels of the image",
        )
    x, y = (np.asarray(columns[name], np.float64) for name in _COLUMNS)

    def column(name: str, default: float) -> NDArray[np.float64]:
        values = np.asarray(columns.get(name, np.full(len(x), default)), np.float64)
        return np.where(np.isfinite(values), values, default)

    flux = column("Flux", 1.0)
    flux = flux if (flux > 0).all() else np.ones(len(x))
    return PointSources(
        x, y, flux, column("Sharpness", np.nan), column("Roundness", np.nan)
    )
