"""Cubes put together along wavelength and seen through filters: what
``muse_cube_combine``, ``_concatenate`` and ``_filter`` of the genuine pipeline do (manual,
sections 7.3.3 to 7.3.5), some planes at a time.
"""  # noqa: D205

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.filters import Filter, FilteredImage, filter_from, white
from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.cube import CubeFile, CubeProduct, open_cube
from pipeline.formats.extension import image_extension
from pipeline.formats.headers import plane_keywords
from pipeline.formats.image import ImageProduct
from pipeline.formats.tables import open_tables
from pipeline.spec import BadInput, Planes, blocks

log = logging.getLogger(__name__)

OVERLAP = 1
"""Planes left out at the ends of a range, where resampling lacks neighbours (genuine
pipeline)."""

MEMORY = 200e6
"""Bytes of planes held at a time."""

_WCS = re.compile(
    r"CTYPE\d|CUNIT\d|CRPIX\d|CRVAL\d|CD\d_\d|WCSAXES|SPECSYS|RADESYS|EQUINOX"
)
_SAME = ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2",
         "CD1_1", "CD1_2", "CD2_1", "CD2_2")  # fmt: skip
_SPECTRAL = ("CTYPE3", "CUNIT3", "CRPIX3", "CRVAL3", "CD3_3")


@dataclass(frozen=True)
class Part:
    """Planes ``first`` to ``last`` (inclusive, from 0) of a cube."""

    cube: CubeFile
    first: int
    last: int


def combine_cubes(paths: Sequence[Path], output: Path) -> int:
    """Put cubes on one grid, each filled in its own range of wavelengths, into one.

    The ranges are those of the parameters ``lambdamin`` and ``lambdamax`` in the headers;
    planes at their ends are left out. Where ranges overlap the later cube begins later,
    where they leave a gap the earlier one is used further than its range.

    Returns
    -------
    n_planes
        Of the product.
    """
    cubes = [open_cube(path, "DATACUBE_FINAL") for path in paths]
    _check_alike(cubes, (*_SAME, *_SPECTRAL))
    ranges = [_parameter_range(cube.header) for cube in cubes]
    parts = sorted(
        (_own_planes(c, r) for c, r in zip(cubes, ranges, strict=True)),
        key=lambda part: part.first,
    )
    for k, (before, after) in enumerate(pairwise(parts)):
        if after.first > before.last + 1:
            log.warning(
                "%s: nothing covers planes %d to %d as it should; they are taken all the "
                "same. Remedy: let ranges of wavelength overlap by two planes",
                before.cube.name,
                before.last + 2,
                after.first,
            )
        parts[k] = replace(before, last=after.first - 1)
    header = Keywords(parts[0].cube.header, parts[0].cube.header.comments)
    header["CRPIX3"] = float(header["CRPIX3"]) - parts[0].first
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    for name, value in (("lambdamin", low), ("lambdamax", high)):
        keyword = _parameter(header, name)
        if keyword:
            header[keyword] = f"{value:g}"
            header.comments[keyword] = "set with cube_combine"
    return _write(parts, header, output)


def concatenate_cubes(paths: Sequence[Path], output: Path) -> int:
    """Append cubes that follow each other in wavelength; return the number of planes."""
    cubes = [open_cube(path, "DATACUBE_FINAL") for path in paths]
    _check_alike(cubes, (*_SAME, "CTYPE3", "CD3_3"))
    for before, after in pairwise(cubes):
        step = float(before.header["CD3_3"])
        gap = wavelengths(after)[0] - wavelengths(before)[-1] - step
        linear = not str(before.header.get("CTYPE3", "")).endswith("-LOG")
        if not linear or abs(gap) > 1e-6 * step:
            raise BadInput(
                f"does not follow {before.name}: it begins {gap:g} beyond its end",
                file=after.name,
                keyword="CRVAL3",
                remedy="resample cubes to adjacent linear grids (OUTPUT_WCS)",
            )
    header = Keywords(cubes[0].header, cubes[0].header.comments)
    return _write([Part(c, 0, c.shape[0] - 1) for c in cubes], header, output)


def filter_cube(
    path: Path,
    filters: Path,
    names: Sequence[str] = (),
    custom: tuple[float, float] | None = None,
    *,
    append: bool = False,
) -> list[str]:
    """Integrate a cube over filters; write images beside it, or into it.

    STAT is that of independent planes; resampling makes neighbours alike, which the
    recipes, who know the size of their drops, take into account.

    Parameters
    ----------
    path
        The cube.
    filters
        FILTER_LIST.
    names
        Filters; all of the list if there are none. ``white`` is built in.
    custom
        Further range of wavelengths, as a filter of its own [Angstrom].
    append
        Append the images to the cube, as extensions; there is no backup.

    Returns
    -------
    names
        Of the files, or of the extensions.
    """
    bands = _bands(filters, names, custom)
    cube = open_cube(path, "DATACUBE_FINAL")
    n_planes, ny, nx = cube.shape
    images = [FilteredImage(band, wavelengths(cube), (ny, nx)) for band in bands]
    for rows in blocks(n_planes, _height(cube)):
        planes = cube.read(rows)
        for image in images:
            image.add(rows.start, planes)
    unit = str(cube.units["DATA"].header.get("BUNIT", ""))
    written = []
    for image in images:
        place = {k: v for k, v in _wcs(cube).items() if "3" not in k}
        words = Keywords({**place, **image.keywords()})
        if append:
            written.append(_append(path, image, unit, words))
        else:
            target = path.with_name(f"{path.stem}_{image.band.name}.fits")
            _write_image(target, cube, image.planes(), unit, words)
            written.append(target.name)
    return written


def wavelengths(cube: CubeFile) -> NDArray[np.float64]:
    """Return the wavelength of every plane of a cube, float64[n]."""
    value, step = float(cube.header["CRVAL3"]), float(cube.header["CD3_3"])
    offset = 1.0 + np.arange(cube.shape[0]) - float(cube.header["CRPIX3"])
    if str(cube.header.get("CTYPE3", "")).endswith("-LOG"):
        return np.asarray(value * np.exp(offset * step / value))
    return np.asarray(value + offset * step)


# --- parts -------------------------------------------------------------------------


def _check_alike(cubes: Sequence[CubeFile], keywords: Sequence[str]) -> None:
    """Refuse cubes whose coordinates or units differ from those of the first."""
    first = cubes[0]
    for cube in cubes[1:]:
        if cube.shape[1:] != first.shape[1:]:
            raise _unlike(cube, first, "NAXIS1", cube.shape[1:], first.shape[1:])
        for keyword in keywords:
            ours, theirs = first.header.get(keyword), cube.header.get(keyword)
            if ours != theirs:
                raise _unlike(cube, first, keyword, theirs, ours)
        units = [str(c.units["DATA"].header.get("BUNIT")) for c in (first, cube)]
        if units[0] != units[1]:
            raise _unlike(cube, first, "BUNIT", units[1], units[0])


def _unlike(
    cube: CubeFile, first: CubeFile, keyword: str, value: object, wanted: object
) -> BadInput:
    """Return the refusal of a cube."""
    return BadInput(
        f"is {value!r}, but {wanted!r} in {first.name}",
        file=cube.name,
        keyword=keyword,
        remedy="resample all cubes to one grid with the same OUTPUT_WCS",
    )


def _parameter(header: Keywords, name: str) -> str:
    """Return the keyword of the value of a parameter of the last recipe, or nothing."""
    pattern = re.compile(r"ESO PRO REC(\d+) PARAM(\d+) NAME")
    found = [
        (int(match[1]), int(match[2]))
        for key, value in header.items()
        if value == name and (match := pattern.fullmatch(key))
    ]
    if not found:
        return ""
    record, number = max(found)
    return f"ESO PRO REC{record} PARAM{number} VALUE"


def _parameter_range(header: Keywords) -> tuple[float, float]:
    """Return the range of wavelengths by the parameters in a header [Angstrom]."""
    low, high = (_parameter(header, name) for name in ("lambdamin", "lambdamax"))
    return (
        float(header[low]) if low else -np.inf,
        float(header[high]) if high else np.inf,
    )


def _own_planes(cube: CubeFile, limits: tuple[float, float]) -> Part:
    """Return the planes of a cube within a range, without those at its ends.

    Where the range reaches beyond the cube no plane is left out.
    """
    wave = wavelengths(cube)
    planes = np.arange(len(wave), dtype=np.float64)
    first, last = np.rint(np.interp(limits, wave, planes)).astype(int).tolist()
    if first > 0:
        first += OVERLAP
    if last < len(wave) - 1:
        last -= OVERLAP
    if first > last:
        raise BadInput(
            f"its range, {limits[0]:g} to {limits[1]:g}, lies outside its own grid",
            file=cube.name,
            keyword="CRVAL3",
            remedy="give an OUTPUT_WCS that covers all ranges",
        )
    return Part(cube, first, last)


def _height(cube: CubeFile) -> int:
    """Return how many planes are read at a time."""
    return max(1, int(MEMORY / (12.0 * cube.shape[1] * cube.shape[2])))


def _wcs(cube: CubeFile) -> Keywords:
    """Return the keywords of the coordinates of a cube."""
    own = read_cards(cube.units["DATA"].header)
    return Keywords({k: v for k, v in own.items() if _WCS.fullmatch(k)}, own.comments)


def _write(parts: Sequence[Part], header: Keywords, output: Path) -> int:
    """Write planes of several cubes as one; it appears when it is complete."""
    first = parts[0].cube
    wcs = _wcs(first)
    wcs["CRPIX3"] = header["CRPIX3"]
    primary = Keywords(
        {k: v for k, v in header.items() if not _WCS.fullmatch(k)}, header.comments
    )
    primary["PIPEFILE"] = output.name
    n_planes = sum(part.last - part.first + 1 for part in parts)
    aside = output.with_name(f".{output.name}.part")
    product = CubeProduct(
        aside,
        primary,
        (n_planes, *first.shape[1:]),
        unit=str(first.units["DATA"].header.get("BUNIT", "")),
        wcs=wcs,
        variance=all("STAT" in part.cube.units for part in parts),
    )
    try:
        start = 0
        for part in parts:
            for rows in blocks(part.last - part.first + 1, _height(first)):
                read = slice(part.first + rows.start, part.first + rows.stop)
                there = slice(start + rows.start, start + rows.stop)
                product.write(there, part.cube.read(read))
            start += part.last - part.first + 1
        product.close()
    except BaseException:
        product.abort()
        raise
    aside.replace(output)
    return n_planes


def _bands(
    path: Path, names: Sequence[str], custom: tuple[float, float] | None
) -> list[Filter]:
    """Return the filters that are asked for and known."""
    (table,) = open_tables(path, "FILTER_LIST").values()
    bands = []
    for name in names or table.names:
        if name == "white":
            bands.append(white())
        elif name in table.names:
            bands.append(filter_from(name, table.read(name)))
        else:
            log.warning(
                "%s, EXTNAME: there is no filter %s. Remedy: give one of %s",
                path.name,
                name,
                ", ".join(table.names),
            )
    if custom is not None:
        low, high = custom
        if not low < high:
            raise BadInput(
                f"{low:g} to {high:g} is no range of wavelengths",
                keyword="-l",
                remedy="give the shorter wavelength first",
            )
        edges = np.array([low - 1e-5, low, high, high + 1e-5])
        throughput = np.array([0.0, 1.0, 1.0, 0.0])
        bands.append(Filter(f"CUSTOM_{low:.3f}_{high:.3f}", edges, throughput))
    return bands


def _write_image(
    target: Path, cube: CubeFile, planes: Planes, unit: str, words: Keywords
) -> None:
    """Write an image beside the cube."""
    primary = {k: v for k, v in cube.header.items() if not _WCS.fullmatch(k)}
    header = Keywords({**primary, **words, "PIPEFILE": target.name}, cube.header.comments)
    aside = target.with_name(f".{target.name}.part")
    ny, nx = planes.data.shape
    product = ImageProduct(aside, header, (ny, nx), unit=unit)
    try:
        product.write(slice(0, ny), planes)
        product.close()
    except BaseException:
        product.abort()
        raise
    aside.replace(target)


def _append(path: Path, image: FilteredImage, unit: str, words: Keywords) -> str:
    """Append an image to the cube as an extension; return its name."""
    name = image.band.name
    keywords = plane_keywords("DATA", unit, present=(), wcs=words)
    data = image.planes().data.astype(np.float32)
    with path.open("ab") as file:
        file.write(image_extension(name, data, keywords).stored())
    return name
