"""FITS files written in blocks, in any order, without holding them in memory.

All images of a file are declared first, so that every position is known::

    file = StreamedFits(path, [Part(primary), Part(keywords, "f4", (n_rows, 1)), ...])
    file.write(1, start, values)     # some rows of part 1; any order, any thread
    file.parts[0].keywords["ESO QC ..."] = 1.0      # until close
    file.append(extension)           # tables and small images, put at the end by close
    file.close()                     # headers, DATASUM, CHECKSUM, DATAMD5, fsync

The data sums accumulate while blocks are written, the MD5 follows; headers come last. Room
for keywords to come is kept as ``spare`` cards; a header that outgrows its room moves
what is behind it. The caller names a hidden file and renames it when all is well.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import BLOCK, CARD, Keywords, card, header_block
from pipeline.formats.checksum import bytes_sum, fold, seal
from pipeline.formats.digest import DataDigest
from pipeline.formats.extension import Extension
from pipeline.formats.wordfile import WordFile, write_all
from pipeline.parallel import begin

_MD5 = "DATAMD5"
_BITPIX = {"f4": -32, "i4": 32}
_CHUNK = 512 * BLOCK


@dataclass
class Part:
    """One header-data unit: keywords (filled until the end), type and shape of the data.

    ``kind``: ``f4`` or ``i4`` (unsigned integers go in as their bits); ``shape``: slowest
    axis first, ``()`` for a header alone; ``spare``: cards to come.
    """

    keywords: Keywords = field(default_factory=Keywords)
    kind: str = "f4"
    shape: tuple[int, ...] = ()
    spare: int = 0

    @property
    def size(self) -> int:
        """Bytes of data, without padding."""
        return 4 * math.prod(self.shape) if self.shape else 0

    def block(self, first: bool, data_sum: int, capacity: int) -> bytes:
        """Return the header as bytes, with its checksums."""
        cards = [*self._structure(first), *(self._card(k) for k in self.keywords)]
        cards.append(card("CHECKSUM", "0" * 16, "HDU checksum"))
        cards.append(card("DATASUM", str(data_sum), "data unit checksum"))
        return seal(header_block(cards, capacity), data_sum)

    def _structure(self, first: bool) -> Iterator[str]:
        """Yield the cards that describe the layout."""
        if first:
            yield card("SIMPLE", True, "file does conform to FITS standard")
        else:
            yield card("XTENSION", "IMAGE", "IMAGE extension")
        bits = _BITPIX[self.kind] if self.shape else 8
        yield card("BITPIX", bits, "number of bits per data pixel")
        yield card("NAXIS", len(self.shape), "number of data axes")
        for i, length in enumerate(reversed(self.shape), 1):
            yield card(f"NAXIS{i}", length, f"length of data axis {i}")
        if first:
            yield card("EXTEND", True, "FITS dataset may contain extensions")
        else:
            yield card("PCOUNT", 0, "required keyword; must = 0")
            yield card("GCOUNT", 1, "required keyword; must = 1")

    def _card(self, keyword: str) -> str:
        """Return the card of one keyword."""
        comment = self.keywords.comments.get(keyword, "")
        return card(keyword, self.keywords[keyword], comment)


class StreamedFits:
    """A FITS file under way; see the module."""

    def __init__(self, path: Path, parts: list[Part]) -> None:
        self.path, self.parts = path, parts
        self._lock = Lock()
        self._sums = [0] * len(parts)
        self._n_missing = sum(part.size for part in parts) // 4
        self._tail: list[Extension] = []
        self._room = [self._least_room(i, part) for i, part in enumerate(parts)]
        self._starts, self._length = self._layout()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._words = WordFile(self._fd, self._length)
        self._first = next((i for i, part in enumerate(parts) if part.size), 0)
        self._digest = DataDigest(self._fd, self._starts[self._first])
        self._digested: Callable[[], None] = lambda: None
        with self._or_nothing():
            os.posix_fallocate(self._fd, 0, self._length)

    @property
    def _has_md5(self) -> bool:
        """Whether the MD5 of the data is wanted."""
        return _MD5 in self.parts[0].keywords

    @staticmethod
    def _least_room(i: int, part: Part) -> int:
        """Return the bytes kept for a header."""
        return _padded(len(part.block(i == 0, 0, 0)) + part.spare * CARD)

    def _layout(self) -> tuple[list[int], int]:
        """Return where the data of each part start, and where the last part ends."""
        starts, position = [], 0
        for room, part in zip(self._room, self.parts, strict=True):
            starts.append(position + room)
            position += room + _padded(part.size)
        return starts, position

    def write(self, i: int, start: int, values: NDArray[Any]) -> None:
        """Store rows ``start ...`` of part ``i``; each row once, in any order."""
        part = self.parts[i]
        n_columns = math.prod(part.shape[1:])
        if values.dtype.itemsize != 4 or values.size % n_columns:
            raise TypeError(
                f"{values.dtype}{values.shape} do not fill rows of {part.shape}"
            )
        if start < 0 or start + values.size // n_columns > part.shape[0]:
            raise ValueError(f"rows from {start} do not fit into {part.shape}")
        self._store(i, start * n_columns, values)

    def write_columns(self, i: int, start: int, columns: Sequence[NDArray[Any]]) -> None:
        """Store rows ``start ...`` of part ``i`` and those behind it, a column of each."""
        n = len(columns[0])
        for part, column in zip(self.parts[i:], columns, strict=False):
            if column.shape != (n,) or column.dtype.itemsize != 4 or part.shape[1:] != (1,):
                raise TypeError(f"{column.dtype}{column.shape} is no column of {n} words")
            if start < 0 or start + n > part.shape[0]:
                raise ValueError(f"rows from {start} do not fit into {part.shape}")
        for k, column in enumerate(columns, i):
            self._store(k, start, column)

    def _store(self, i: int, start: int, values: NDArray[Any]) -> None:
        """Store values from word ``start`` of part ``i`` on."""
        words = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
        position = self._starts[i] + 4 * start
        total = self._words.put(words, position)
        with self._lock:
            self._sums[i] += total
            self._n_missing -= len(words)
            complete = self._n_missing == 0
        if i == self._first and self._has_md5:
            self._digest.written(position, position + 4 * len(words))
        if complete and self._has_md5:
            self._digested = begin(partial(self._digest.take, self._extents()))

    def _extents(self) -> list[tuple[int, int]]:
        """Return where the data of the parts begin and end, with their padding."""
        data = list(zip(self._starts, self.parts, strict=True))[self._first :]
        return [(start, start + _padded(part.size)) for start, part in data]

    def append(self, extension: Extension) -> None:
        """Put a unit behind all parts."""
        self._tail.append(extension)

    def close(self) -> None:
        """Complete the headers and bring everything to the disk; give up if that fails."""
        with self._or_nothing():
            self._complete()
            self._release()

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Give the file up after an exception."""
        try:
            yield
        except BaseException:
            self.abort()
            raise

    def _complete(self) -> None:
        """Put in place what comes last, and wait for the disk."""
        extents = self._extents() + [self._put(extension) for extension in self._tail]
        if self._has_md5:
            with ThreadPoolExecutor(1) as beside:  # neither waits for the other
                flush = beside.submit(os.fsync, self._fd)
                self._digested()
                self._digest.take(extents)
                self.parts[0].keywords[_MD5] = self._digest.value()
                flush.result()
        for i, part in enumerate(self.parts):
            block = part.block(i == 0, fold(self._sums[i]), self._room[i])
            if len(block) > self._room[i]:
                self._make_room(self._starts[i], len(block) - self._room[i])
                self._room[i] = len(block)
                self._starts, _ = self._layout()
            write_all(self._fd, block, self._starts[i] - self._room[i])
        os.fsync(self._fd)

    def abort(self) -> None:
        """Give up: close and remove the file, complete or not."""
        self._digest.give_up()
        with suppress(Exception):  # the file is of no use
            self._digested()
        self._release()
        self.path.unlink(missing_ok=True)

    def _release(self) -> None:
        """Close the file, unless that was done."""
        self._words.release()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _put(self, extension: Extension) -> tuple[int, int]:
        """Write a unit behind all others; return where its data begin and end."""
        start = self._length + len(extension.header(0))
        stop, total = start, 0
        for data in extension.data:
            write_all(self._fd, data, stop)
            total += bytes_sum(data)
            stop += len(data)
        write_all(self._fd, extension.header(fold(total)), self._length)
        self._length = stop
        return start, stop

    def _make_room(self, position: int, amount: int) -> None:
        """Move everything from ``position`` on by ``amount`` bytes, the end first."""
        os.posix_fallocate(self._fd, 0, self._length + amount)
        stop = self._length
        while stop > position:
            start = max(position, stop - _CHUNK)
            data = os.pread(self._fd, stop - start, start)
            write_all(self._fd, data, start + amount)
            stop = start
        self._length += amount


def _padded(size: int) -> int:
    """Round up to whole FITS blocks."""
    return -(-size // BLOCK) * BLOCK
