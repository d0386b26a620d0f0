"""Cubes as tables of spectra: Euro3D (Kissler-Patig et al. 2004, AN 325, 159).

A row holds the spectrum of a spaxel from the first plane on in which it has data. Errors
are standard deviations; voxels without data are 0 and flagged. Spaxels without any data
have no row.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.extension import Extension, table_extension
from pipeline.formats.scan import scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.formats.table_part import TablePart
from pipeline.spec import CubeFrame, Planes, Spaxels, Table, Value, blocks

_PLANES = 64
_BYTES = 256 << 20
"""Of the spectra that are put together at once."""

_GROUP_UNITS = {
    "G_SIZE1": "arcsec",
    "G_ANGLE": "deg",
    "G_SIZE2": "arcsec",
    "G_POSWAV": "Angstrom",
    "G_PARANG": "deg",
    "G_PRESSU": "hPa",
    "G_TEMPER": "K",
}


def as_euro3d(
    cube: CubeFrame, path: Path, spaxels: Spaxels, images: Sequence[Extension]
) -> None:
    """Rewrite a file that holds a cube as a table of its spectra.

    It is written beside the file, block by block, and then put in its place.
    """
    units = scan(path)
    planes = {unit.name: unit for unit in units}
    first = _first_planes(cube)
    n_planes = cube.shape[0]
    used = n_planes > first.T  # [x, y], the order of rows
    row = _row_type(n_planes - int(first.min(initial=n_planes)))
    words = planes["DATA"].header
    unit = str(words.get("BUNIT", ""))
    header = _table_keywords(words, unit, spaxels.unit)
    shape = (int(used.sum()), row.itemsize // 4)
    part = TablePart(header, "i4", shape, columns=_columns(row))
    primary = read_cards(units[0].header)
    primary.update({"EURO3D": True, "E3D_VERS": "1.0", "E3D_ADC": spaxels.corrected})
    aside = path.with_name(f".{path.name}.euro3d")
    file = StreamedFits(aside, [Part(primary), part])
    try:
        start = 0
        for rows in _rows(cube, first, used, spaxels, row):
            stored = np.frombuffer(rows.tobytes(), ">u4").astype(np.uint32)
            file.write(1, start, stored)
            start += len(rows)
        file.append(table_extension("E3D_GRP", _group(spaxels)))
        for image in images:
            file.append(image)
    except BaseException:
        file.abort()
        raise
    file.close()
    aside.replace(path)


def _first_planes(cube: CubeFrame) -> NDArray[np.int64]:
    """Return the first plane in which each spaxel has data, int64[ny, nx]; else all."""
    n_planes, ny, nx = cube.shape
    first = np.full((ny, nx), n_planes)
    for part in blocks(n_planes, _PLANES):
        seen = cube.read(part).dq == 0
        here = np.where(seen.any(axis=0), part.start + seen.argmax(axis=0), n_planes)
        first = np.minimum(first, here)
    return first


def _row_type(depth: int) -> np.dtype[Any]:
    """Return the type of a row; SPAX_ID, empty, fills it up to whole words."""
    return np.dtype(
        [
            ("SPEC_ID", ">i4"),
            ("SELECTED", "S1"),
            ("NSPAX", ">i4"),
            ("SPEC_LEN", ">i4"),
            ("SPEC_STA", ">i4"),
            ("XPOS", ">f8"),
            ("YPOS", ">f8"),
            ("GROUP_N", ">i4"),
            ("SPAX_ID", "S3"),
            ("DATA_SPE", ">f4", (depth,)),
            ("QUAL_SPE", ">u4", (depth,)),
            ("STAT_SPE", ">f4", (depth,)),
        ]
    )


def _columns(row: np.dtype[Any]) -> list[tuple[str, str]]:
    """Return names and forms of the columns."""
    forms = {"SELECTED": "1L", "SPAX_ID": "3A"}
    letters = {"f8": "D", "f4": "E", "i4": "J", "u4": "J"}
    found = []
    for name in row.names or ():
        kind = row[name]
        count = int(np.prod(kind.shape, dtype=int))
        letter = letters.get(kind.base.str[1:], "")
        found.append((name, forms.get(name, f"{count}{letter}")))
    return found


def _table_keywords(words: Keywords, unit: str, place: str) -> Keywords:
    """Return the keywords of E3D_DATA: units and the axis of wavelength.

    ``unit``: of the data; ``place``: of the positions.
    """
    found: dict[str, Value] = {
        "TUNIT4": "pixel",
        "TUNIT5": "pixel",
        "TUNIT6": place,
        "TUNIT7": place,
        "TUNIT10": unit,
        "TUNIT12": unit,
        "EXTNAME": "E3D_DATA",
        "CTYPES": words["CTYPE3"],
        "CUNITS": words["CUNIT3"],
        "CRVALS": words["CRVAL3"],
        "CDELTS": words["CD3_3"],
    }
    return Keywords(found)


def _rows(
    cube: CubeFrame,
    first: NDArray[np.int64],
    used: NDArray[np.bool_],
    spaxels: Spaxels,
    row: np.dtype[Any],
) -> Iterator[NDArray[Any]]:
    """Yield the rows of some columns of spaxels after the others."""
    n_planes, ny, nx = cube.shape
    width = max(_BYTES // (4 * row.itemsize * ny), 1)
    for columns in blocks(nx, width):
        data, dq, stat = _spectra(cube, columns)
        x, y = np.nonzero(used[columns])
        rows = np.zeros(len(x), row)
        rows["SPEC_ID"] = (x + columns.start) * ny + y + 1
        rows["SELECTED"] = b"T"
        rows["NSPAX"] = rows["GROUP_N"] = 1
        begin = first[y, x + columns.start]
        rows["SPEC_LEN"], rows["SPEC_STA"] = n_planes - begin, begin + 1
        rows["XPOS"] = spaxels.ra[y, x + columns.start]
        rows["YPOS"] = spaxels.dec[y, x + columns.start]
        rows["DATA_SPE"] = rows["STAT_SPE"] = np.nan
        rows["QUAL_SPE"] = np.uint32(Flag.MISSING_DATA)
        for k in range(len(x)):
            here = (x[k], y[k], slice(begin[k], None))
            length = n_planes - begin[k]
            rows["DATA_SPE"][k, :length] = data[here]
            rows["QUAL_SPE"][k, :length] = dq[here]
            rows["STAT_SPE"][k, :length] = stat[here]
        yield rows


def _spectra(cube: CubeFrame, columns: slice) -> Planes:
    """Return values, flags and standard deviations of some columns, each [x, y, plane]."""
    n_planes, ny, _ = cube.shape
    shape = (columns.stop - columns.start, ny, n_planes)
    data, dq, error = (np.empty(shape, kind) for kind in ("f4", "u4", "f4"))
    for part in blocks(n_planes, _PLANES):
        planes = cube.read(part)
        flags = planes.dq[:, :, columns]
        good = flags == 0
        dq[:, :, part] = flags.T
        data[:, :, part] = np.where(good, planes.data[:, :, columns], 0.0).T
        variance = np.where(good, planes.stat[:, :, columns], 0.0)
        error[:, :, part] = np.sqrt(variance).T
    return Planes(data, dq, error)


def _group(spaxels: Spaxels) -> Table:
    """Return the table of the one group of spaxels."""
    numbers = {
        "G_SIZE1": spaxels.size[0],
        "G_ANGLE": 0.0,
        "G_SIZE2": spaxels.size[1],
        **spaxels.air,
    }
    columns: dict[str, NDArray[Any]] = {
        "GROUP_N": np.ones(1, np.int32),
        "G_SHAPE": np.array(["R"]),
    }
    columns |= {name: np.full(1, value, np.float32) for name, value in numbers.items()}
    return Table(columns, _GROUP_UNITS)
