"""Pixel tables with places on the sky: of one exposure, or of all of them together."""

import re
from collections.abc import Sequence

import numpy as np

from pipeline.algorithms.pixel_rows import copy_rows, plan_rows
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import run_steps
from pipeline.kernels.project import celestial_from_plane
from pipeline.spec import Columns, Frame, Header, Outputs, Pixels, Value

_TABLE = "ESO DRS MUSE PIXTABLE"
_OF_EXPOSURE = re.compile(rf"{_TABLE} EXP\d+ (.*)")
_NOT_KEPT = re.compile(rf"{_TABLE} (EXP\d+ |ILLUM).*")
_WCS = re.compile(r"WCSAXES|(CTYPE|CUNIT|CRPIX)[12]|CD[12]_[12]")


def wcs_keywords(header: Header) -> dict[str, Value]:
    """Return the coordinate system of a pixel table, which products do not inherit."""
    return {key: value for key, value in header.items() if _WCS.fullmatch(key)}


def write_positioned(
    out: Outputs,
    tag: str,
    exposures: Sequence[PlacedExposure],
    headers: Sequence[Header],
    *,
    unit: str,
    like: Frame,
    keywords: Header,
    number: int | None = None,
    weighted: bool = False,
) -> None:
    """Write pixels after all steps of their reduction, with RA and DEC.

    Parameters
    ----------
    out, tag, number
        The product.
    exposures, headers
        What it holds, in this order, and the headers. Positions are relative to the
        tangent point of the first one.
    unit
        Of the data.
    like
        Frame whose keywords the product inherits.
    keywords
        More keywords, the coordinate system among them.
    weighted
        Whether there is a column ``weight`` (with several exposures).
    """
    sampled = [exposure.pixels for exposure in exposures]
    plan = plan_rows(sampled)
    reference = exposures[0].tangent
    several = len(exposures) > 1
    weights = [e.weight for e in exposures] if weighted and several else []
    writer = out.pixels(
        tag,
        plan[-1].target.stop,
        unit=unit,
        header={**keywords, "CRVAL1": reference[0], "CRVAL2": reference[1]},
        like=like,
        number=number,
        extra=["weight"] if weights else [],
    )
    for key in [k for k in writer.header if _NOT_KEPT.fullmatch(k)]:
        del writer.header[key]
    writer.header[f"{_TABLE} WCS"] = "positioned (final)"
    for k, header in enumerate(headers, 1):
        writer.header.update(_slice_offsets(header, k if several else 0))
        if several:
            rows = [block.target for block in plan if block.exposure == k - 1]
            writer.header[f"{_TABLE} EXP{k} FIRST"] = rows[0].start
            writer.header[f"{_TABLE} EXP{k} LAST"] = rows[-1].stop - 1
    if several:
        writer.header[f"{_TABLE} COMBINED"] = len(exposures)
    if weights:
        writer.header[f"{_TABLE} WEIGHTED"] = True

    def weight_column(k: int, pixels: Pixels) -> Columns:
        return {"weight": np.full(len(pixels.data), weights[k], np.float32)}

    copy_rows(
        writer,
        sampled,
        plan,
        lambda k, pixels: on_sky(exposures[k], pixels, reference),
        weight_column if weights else None,
    )


def on_sky(
    exposure: PlacedExposure, pixels: Pixels, reference: tuple[float, float]
) -> Pixels:
    """Return pixels after all steps, with RA and DEC relative to a reference [deg]."""
    pixels = run_steps(pixels, exposure.steps)
    x, y = exposure.on_plane(pixels)
    ra, dec = celestial_from_plane(x, y, exposure.tangent, reference)
    wavelength, data, stat = pixels.wavelength, pixels.data, pixels.stat
    if exposure.stretch != 1.0:
        wavelength = (wavelength.astype(np.float64) * exposure.stretch).astype(np.float32)
    if exposure.scale != 1.0:
        data = (data * exposure.scale).astype(np.float32)
        stat = (stat * exposure.scale**2).astype(np.float32)
    return pixels._replace(xpos=ra, ypos=dec, wavelength=wavelength, data=data, stat=stat)


def _slice_offsets(header: Header, exposure: int) -> dict[str, Value]:
    """Return where the slices of an exposure lie on the detector, under its number."""
    found = {}
    for key, value in header.items():
        match = _OF_EXPOSURE.fullmatch(key)
        if match and match[1].endswith("XOFFSET"):
            found[f"{_TABLE} EXP{exposure} {match[1]}"] = value
    return found
