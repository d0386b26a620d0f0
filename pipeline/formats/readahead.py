"""Files on their way from the disk while something else is done.

A file that is not in memory comes fast if much of it is asked for at a time, and costs
nothing if the processor has other work meanwhile.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PIXELS, _CHOICE = "PIXTABLE", "--nifu="
"""First letters of the tags of pixel tables, of which recipes need every byte, and of the
option without which they need every byte of other files, too."""

_AT_ONCE = 8 << 20
"""Bytes that the system is asked for at a time [byte]."""

_SHARE = 4
"""Part of the memory of the machine that may be filled, as a divisor."""


def begin_reading(words: Sequence[str]) -> None:
    """Have the system read the files of sets of frames, while Python still starts.

    Of one IFU only the pixel tables: other files may hold more of them.

    ``words``: of a command line; what is no readable set of frames is passed over.
    """
    ahead = threading.Thread(target=_read_ahead, args=(words,), daemon=True)
    ahead.start()


def _read_ahead(words: Sequence[str]) -> None:
    """Ask for the files piece by piece, unless they would fill the memory."""
    left = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _SHARE
    for path in _files(words):
        with suppress(OSError), path.open("rb") as file:
            size = min(os.fstat(file.fileno()).st_size, left)
            left -= size
            for start in range(0, size, _AT_ONCE):
                os.posix_fadvise(file.fileno(), start, _AT_ONCE, os.POSIX_FADV_WILLNEED)


def _files(words: Sequence[str]) -> Iterator[Path]:
    """Yield the files of sets of frames that are needed from their begin to their end."""
    chosen = [word.removeprefix(_CHOICE) for word in words if word.startswith(_CHOICE)]
    whole = all(number in ("0", "-1") for number in chosen)
    for word in words:
        lines: list[str] = []
        with suppress(OSError, UnicodeDecodeError):
            lines = [] if word.startswith("-") else Path(word).read_text().splitlines()
        for line in lines:
            name, *tags = line.split("#")[0].split()[:2] or [""]
            if tags and (whole or tags[0].startswith(_PIXELS)):
                yield Path(os.path.expandvars(name)).expanduser()
