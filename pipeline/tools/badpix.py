"""Tables of bad pixels from flags, lists and regions (muse_badpix_from_...).

A BADPIX_TABLE has one extension ``CHANnn`` an IFU with 1-based positions ``xpos``,
``ypos`` on the raw frame, Euro3D flags ``status`` and a ``value`` (NaN: unknown).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords
from pipeline.formats.headers import read_header
from pipeline.formats.image import open_images
from pipeline.formats.raw import open_raw
from pipeline.formats.tables import TableProduct, open_tables
from pipeline.instrument import Size, size_of
from pipeline.spec import BadInput, Frame, Table
from pipeline.tools.inspection import of_ifu

Ints = NDArray[np.int64]

_OWN = re.compile(r"ESO DET (CHIP |OUT[1-4])")
"""Keywords that belong to the extension of an IFU."""
_EXPOSURE = re.compile(r"ESO DET (DEV\d (SHUT|EXP) |EXP |[DU]IT|NDIT|DKTM)")
"""Keywords that belong to one exposure."""
_UNITS = {"xpos": "pix", "ypos": "pix", "value": "count"}


def raw_positions(x: Ints, y: Ints, size: Size) -> tuple[Ints, Ints]:
    """Return positions on the raw frame of positions on the trimmed image, both 1-based."""
    return (
        x + np.where(x > size.quadrant_nx, 3 * size.scan, size.scan),
        y + np.where(y > size.quadrant_ny, 3 * size.scan, size.scan),
    )


def bad_pixels(x: Ints, y: Ints, status: Ints, size: Size) -> tuple[Table, int]:
    """Return the table of bad pixels, in order of x and y, and how many lie outside."""
    ny, nx = size.raw_shape
    inside = (x >= 1) & (x <= nx) & (y >= 1) & (y <= ny)
    x, y, status = x[inside], y[inside], status[inside]
    columns = {
        "xpos": x.astype(np.int32),
        "ypos": y.astype(np.int32),
        "status": status.astype(np.uint32).view(np.int32),
        "value": np.full(len(x), np.nan, np.float32),
    }
    return merged(Table(columns, _UNITS)), int((~inside).sum())


def merged(*tables: Table) -> Table:
    """Return one table with each pixel once: flags are united, the larger value stays."""
    joined = {
        name: np.concatenate([np.asarray(t.columns[name]) for t in tables])
        for name in ("xpos", "ypos", "status")
    }
    values = np.concatenate([_values(t) for t in tables])
    places = np.stack([joined["xpos"], joined["ypos"]])
    unique, index = np.unique(places, axis=1, return_inverse=True)
    status = np.zeros(unique.shape[1], np.int32)
    np.bitwise_or.at(status, index.ravel(), joined["status"].astype(np.int32))
    value = np.full(unique.shape[1], np.nan, np.float32)
    np.fmax.at(value, index.ravel(), values)
    columns = {
        "xpos": unique[0].astype(np.int32),
        "ypos": unique[1].astype(np.int32),
        "status": status,
        "value": value,
    }
    return Table(columns, _UNITS, tables[0].header)


def _values(table: Table) -> NDArray[np.float32]:
    """Return the column ``value``, which older tables lack."""
    n = len(table.columns["xpos"])
    return np.asarray(table.columns.get("value", np.full(n, np.nan)), np.float32)


def from_dq(path: Path, ifu: int | None = None) -> tuple[Table, int]:
    """Return the flagged pixels of an image product, and its IFU."""
    image = of_ifu(open_images(path, "MASTER_FLAT"), ifu, path)
    if image.ifu is None:
        raise BadInput(
            "is not of one IFU",
            file=path.name,
            keyword="EXTNAME",
            remedy="give a master calibration such as MASTER_FLAT",
        )
    dq = image.read(slice(0, image.shape[0])).dq
    y, x = np.nonzero(dq)
    size = size_of(image.shape)
    places = raw_positions(x + 1, y + 1, size)
    table, _ = bad_pixels(*places, dq[y, x].astype(np.int64), size)
    return table._replace(header=_own_keywords(image.header)), image.ifu


def from_list(path: Path, size: Size, trimmed: bool) -> tuple[Table, int]:
    """Return the pixels of a text file with lines ``x y flag``, and how many lie outside.

    ``trimmed``: whether positions are those of the image without pre- and overscan.

    Raises
    ------
    BadInput
        If a line does not hold three whole numbers.
    """
    rows = []
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            x, y, status = (int(word, 0) for word in words)
        except ValueError:
            raise BadInput(
                f"line {n} is no pixel: {line.strip()!r}",
                file=path.name,
                remedy="write three whole numbers: x, y and the flag",
            ) from None
        rows.append((x, y, status))
    columns, lines, flags = np.array(rows, np.int64).reshape(-1, 3).T
    if trimmed:
        columns, lines = raw_positions(columns, lines, size)
    return bad_pixels(columns, lines, flags, size)


def from_region(text: str, status: int, size: Size, trimmed: bool) -> tuple[Table, int]:
    """Return the pixels of a region ``[x1:x2,y1:y2]``, and how many lie outside.

    Raises
    ------
    BadInput
        If the region is not of this form.
    """
    found = re.fullmatch(r"\s*\[(\d+):(\d+),(\d+):(\d+)\]\s*", text)
    x1, x2, y1, y2 = (int(number) for number in found.groups()) if found else (1, 0, 1, 0)
    if x1 > x2 or y1 > y2:
        raise BadInput(
            f"is no region: {text!r}",
            keyword="REGION",
            remedy="write it like [10:12,100:2000]",
        )
    x, y = (a.ravel() for a in np.meshgrid(np.arange(x1, x2 + 1), np.arange(y1, y2 + 1)))
    if trimmed:
        x, y = raw_positions(x, y, size)
    return bad_pixels(x, y, np.full(len(x), status), size)


def write_bad_pixels(
    table: Table,
    ifu: int,
    output: Path,
    existing: Path | None = None,
    reference: Path | None = None,
) -> Table:
    """Write a BADPIX_TABLE and return what it holds of the IFU.

    Parameters
    ----------
    table
        Bad pixels of the IFU; its header goes to the extension.
    ifu
        The IFU.
    output
        File to write; it may be ``existing``.
    existing
        BADPIX_TABLE to merge into; those of other IFUs stay as they are.
    reference
        Image or raw frame that gives the keywords of the detector.
    """
    channel = f"CHAN{ifu:02d}"
    header = _start(reference)
    tables: dict[str, Table] = {}
    if existing is not None:
        header = read_header(existing)
        for frame in open_tables(existing, "BADPIX_TABLE").values():
            tables |= {name: frame.read(name) for name in frame.names}
    own = {"ESO DET CHIP NAME": channel, **table.header}
    if reference is not None:
        own |= _reference_keywords(reference, ifu)
    table = table._replace(header=Keywords(own))
    if channel in tables:
        table = merged(tables[channel], table)
    tables[channel] = table
    header["PIPEFILE"] = output.name
    header["ESO PRO CATG"] = "BADPIX_TABLE"
    aside = output.with_name(f".{output.name}.part")
    product = TableProduct(aside, header)
    for name, one in sorted(tables.items()):
        product.write(name, one)
    product.close()
    aside.replace(output)
    return table


def _start(reference: Path | None) -> Keywords:
    """Return the primary keywords of a new table."""
    header = Keywords(
        {
            "TELESCOP": "ESO-VLT-U4",
            "INSTRUME": "MUSE",
            "OBJECT": "Bad pixel table for MUSE (BADPIX_TABLE)",
        }
    )
    if reference is not None:
        found = read_header(reference)
        header |= {
            k: v
            for k, v in found.items()
            if k.startswith("ESO DET ") and not _OWN.match(k) and not _EXPOSURE.match(k)
        }
    return header


def _own_keywords(header: Keywords) -> Keywords:
    """Return the keywords of the chip and its ports."""
    return Keywords({k: v for k, v in header.items() if _OWN.match(k)}, header.comments)


def _reference_keywords(path: Path, ifu: int) -> Keywords:
    """Return the keywords of the chip of an IFU in an image product or raw frame."""
    is_product = bool({"PIPEFILE", "EXTNAME"} & read_header(path).keys())
    found: Mapping[int | None, Frame] = (
        dict(open_images(path, "REFERENCE"))
        if is_product
        else dict(open_raw(path, "REFERENCE").items())
    )
    return _own_keywords(Keywords(of_ifu(found, ifu, path).header))
