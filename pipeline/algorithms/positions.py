"""Where exposures lie on the sky: their pointing and the offsets of an alignment."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.algorithms.pointing import number
from pipeline.spec import Header, Table, Value

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offset:
    """What an OFFSET_LIST says about an exposure: offsets [deg] and a flux factor.

    A plain difference of RA and DEC, measured minus true; NaN where it is silent.
    """

    ra: float
    dec: float
    flux_scale: float


def find_offset(offsets: Table | None, header: Header) -> Offset | None:
    """Return the row of an OFFSET_LIST for an exposure, found by its DATE-OBS."""
    if offsets is None:
        return None
    date = str(header.get("DATE-OBS", ""))
    names = [
        n.decode() if isinstance(n, bytes) else str(n) for n in offsets.columns["DATE_OBS"]
    ]
    for row, name in enumerate(names):
        if name.strip() == date:
            columns = offsets.columns
            scale = columns["FLUX_SCALE"][row] if "FLUX_SCALE" in columns else np.nan
            ra, dec = columns["RA_OFFSET"][row], columns["DEC_OFFSET"][row]
            return Offset(float(ra), float(dec), float(scale))
    return None


def tangent_point(header: Header, offset: Offset | None) -> tuple[float, float]:
    """Return RA and DEC [deg] at the reference pixel of an exposure."""
    ra, dec = number(header, "RA"), number(header, "DEC")
    if offset is not None and np.isfinite([offset.ra, offset.dec]).all():
        ra, dec = ra - offset.ra, dec - offset.dec
    elif offset is not None:
        log.warning(
            "the exposure of %s could not be aligned: it stays where it was pointed",
            header.get("DATE-OBS", "?"),
        )
    return ra, dec


def flux_scale(offset: Offset | None) -> float:
    """Return the factor of an exposure's flux; 1 where none is given."""
    scale = offset.flux_scale if offset is not None else 1.0
    return scale if np.isfinite(scale) and scale > 0 else 1.0


def offset_keywords(
    headers: Sequence[Header], offsets: Sequence[Offset | None]
) -> dict[str, Value]:
    """Return the keywords that tell which offsets were applied."""
    words: dict[str, Value] = {}
    for k, (header, offset) in enumerate(zip(headers, offsets, strict=True), 1):
        if offset is None:
            continue
        if np.isfinite([offset.ra, offset.dec]).all():
            words[f"ESO DRS MUSE OFFSET{k} DRA"] = offset.ra
            words[f"ESO DRS MUSE OFFSET{k} DDEC"] = offset.dec
        if np.isfinite(offset.flux_scale) and offset.flux_scale > 0:
            words[f"ESO DRS MUSE FLUX SCALE{k}"] = offset.flux_scale
        words[f"ESO DRS MUSE OFFSET{k} DATE-OBS"] = str(header.get("DATE-OBS", ""))
    return words


def moved(header: Header, offset: Offset | None) -> dict[str, Value]:
    """Return the pointing of an exposure, with its offset taken off, and what was done."""
    words = offset_keywords([header], [offset])
    if "ESO DRS MUSE OFFSET1 DRA" in words:
        words["RA"], words["DEC"] = tangent_point(header, offset)
    return words
