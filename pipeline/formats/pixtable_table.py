"""The older form of pixel tables on disk: one binary table instead of one image a column.

The genuine pipeline writes it where the environment variable
``MUSE_PIXTABLE_SAVE_AS_TABLE`` is a positive number (MUSE pipeline manual, appendix A).
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.extension import table_extension
from pipeline.formats.pixtable import FLAT_SPECTRUM, open_pixtable
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.formats.table_part import TablePart
from pipeline.spec import blocks

VARIABLE = "MUSE_PIXTABLE_SAVE_AS_TABLE"
_FORM = {-32: "E", 32: "J"}
_ROWS = 500_000


def wanted_as_table() -> bool:
    """Tell whether pixel tables are to be saved as binary tables."""
    number = os.environ.get(VARIABLE, "").strip()
    return number.isdigit() and int(number) > 0


def as_binary_table(path: Path) -> None:
    """Rewrite a pixel table of images as one binary table and the lamp-flat spectrum.

    It is written beside the file, block by block, and then put in its place.
    """
    units = scan(path)
    images = [unit for unit in units[1:] if unit.header.get("XTENSION") == "IMAGE"]
    columns = [(unit.name, f"1{_FORM[int(unit.header['BITPIX'])]}") for unit in images]
    bunits = {
        f"TUNIT{number}": unit.header["BUNIT"]
        for number, unit in enumerate(images, 1)
        if "BUNIT" in unit.header
    }
    n_rows = images[0].shape[0]
    table = TablePart(Keywords(bunits), "i4", (n_rows, len(images)), columns=columns)
    aside = path.with_name(f".{path.name}.table")
    file = StreamedFits(aside, [Part(read_cards(units[0].header)), table])
    try:
        for rows in blocks(n_rows, _ROWS):
            file.write(1, rows.start, np.stack(_words(path, images, rows), axis=1))
        spectrum = open_pixtable(path, "").flat_spectrum()
        if spectrum is not None:
            file.append(table_extension(FLAT_SPECTRUM, spectrum))
    except BaseException:
        file.abort()
        raise
    file.close()
    aside.replace(path)


def _words(path: Path, images: Sequence[Unit], rows: slice) -> list[NDArray[np.uint32]]:
    """Return some rows of each image as the words of 4 bytes that they are."""
    n_bytes = 4 * (rows.stop - rows.start)
    with path.open("rb") as file:
        data = [
            os.pread(file.fileno(), n_bytes, unit.offset + 4 * rows.start)
            for unit in images
        ]
    return [np.frombuffer(words, ">u4").astype(np.uint32) for words in data]
