"""Reading a FITS file as an archive does: every card as written, every byte summed.

The validator reads files itself, block by block, and not through the code that wrote
them: a writer's mistake must not be hidden by the reader that shares it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io.fits import Card
from astropy.io.fits.verify import VerifyError

BLOCK = 2880
CARD = 80
_CHUNK = BLOCK * 4096

Value = bool | int | float | str


@dataclass(frozen=True)
class Hdu:
    """One header-data unit: its cards in order and the sums of its bytes.

    ``values`` maps a keyword (without ``HIERARCH``) to its value, the first one where a
    keyword is repeated; ``data_sum`` and ``total_sum`` are the ones'-complement sums of
    the data and of the whole unit; ``broken`` names cards that cannot be read.
    """

    index: int
    keywords: tuple[str, ...]
    values: dict[str, Value] = field(repr=False)
    broken: tuple[str, ...]
    data_sum: int
    total_sum: int

    @property
    def label(self) -> str:
        """What to call it in a finding."""
        return "PRIMARY" if self.index == 0 else f"{self.index} {self.name}".strip()

    @cached_property
    def name(self) -> str:
        """Its EXTNAME."""
        return str(self.values.get("EXTNAME", "")).strip()

    @property
    def shape(self) -> tuple[int, ...]:
        """NAXIS1, NAXIS2 ... [pix]."""
        n = _integer(self.values, "NAXIS")
        return tuple(_integer(self.values, f"NAXIS{i}") for i in range(1, n + 1))

    @property
    def is_image(self) -> bool:
        """Whether it is an image extension."""
        return str(self.values.get("XTENSION", "")).strip() == "IMAGE"


class Truncated(Exception):
    """The file ends inside a header or inside data."""


def read_hdus(path: Path) -> list[Hdu]:
    """Return all header-data units of a file.

    Raises
    ------
    Truncated
        When the file ends early, with the number of the unit.
    """
    with path.open("rb") as file:
        return list(_units(file))


def _units(file: BinaryIO) -> Iterator[Hdu]:
    """Yield the header-data units of an open file."""
    index = 0
    while header := _header(file, index):
        cards = [header[i : i + CARD] for i in range(0, len(header), CARD)]
        keywords, values, broken = _parse(cards)
        data_sum = _sum_data(file, _data_size(values), index)
        total = _fold(data_sum + _sum(header))
        yield Hdu(index, tuple(keywords), values, tuple(broken), data_sum, total)
        index += 1


def _header(file: BinaryIO, index: int) -> bytes:
    """Read header blocks up to the one with END; empty at the end of the file."""
    header = b""
    while True:
        block = file.read(BLOCK)
        if not block and not header:
            return b""
        if len(block) < BLOCK:
            raise Truncated(f"the file ends inside the header of unit {index}")
        header += block
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, CARD)):
            return header


def _parse(cards: Sequence[bytes]) -> tuple[list[str], dict[str, Value], list[str]]:
    """Return keywords in order, their first values, and cards that are no cards."""
    keywords: list[str] = []
    values: dict[str, Value] = {}
    broken: list[str] = []
    for raw in cards:
        if raw[:8] == b"END     ":
            break
        if not raw.strip():
            continue
        try:
            card = Card.fromstring(raw)
            keyword, value = card.keyword, card.value
        except (VerifyError, ValueError, UnicodeDecodeError):
            broken.append(raw[:8].decode("ascii", "replace").strip())
            continue
        keywords.append(keyword)
        if isinstance(value, bool | int | float | str):
            values.setdefault(keyword, value)
    return keywords, values, broken


def _integer(values: dict[str, Value], keyword: str, default: int = 0) -> int:
    """Return a keyword that must be an integer."""
    value = values.get(keyword, default)
    return value if isinstance(value, int) else default


def _data_size(values: dict[str, Value]) -> int:
    """Return the number of bytes of the data [byte] (FITS standard 4.0, eq. 1 and 2)."""
    n_axes = _integer(values, "NAXIS")
    if n_axes == 0:
        return 0
    size = 1
    for axis in range(1, n_axes + 1):
        size *= _integer(values, f"NAXIS{axis}")
    size = _integer(values, "GCOUNT", 1) * (_integer(values, "PCOUNT") + size)
    return abs(_integer(values, "BITPIX", 8)) // 8 * size


def _sum_data(file: BinaryIO, size: int, index: int) -> int:
    """Read past the data and return their sum."""
    left = -(-size // BLOCK) * BLOCK
    total = 0
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk or len(chunk) % BLOCK:
            raise Truncated(f"the file ends inside the data of unit {index}")
        total = _fold(total + _sum(chunk))
        left -= len(chunk)
    return total


def _sum(chunk: bytes) -> int:
    """Return the ones'-complement sum of big-endian 32-bit words."""
    return _fold(int(np.frombuffer(chunk, dtype=">u4").sum(dtype=np.uint64)))


def _fold(total: int) -> int:
    """Add the carries of a sum back in until it fits 32 bits."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
