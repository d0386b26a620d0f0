"""Raw frames: from the description of an exposure to the file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import Size
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.guiding import guide_extensions
from pipeline.simulator.headers import channel_header, primary_header
from pipeline.simulator.light import light

Channel = tuple[NDArray[np.uint16], fits.Header]


class _Channels(Mapping[int, Channel]):
    """The IFUs of an exposure, each simulated when it is asked for."""

    def __init__(self, exposure: Exposure, size: Size, ifus: Sequence[int]) -> None:
        self.exposure, self.size, self.ifus = exposure, size, tuple(ifus)

    def __getitem__(self, ifu: int) -> Channel:
        ccd = detector(self.size, ifu)
        return raw_counts(self.exposure, self.size, ifu, self.ifus), channel_header(ccd)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ifus)

    def __len__(self) -> int:
        return len(self.ifus)


def raw_counts(
    exposure: Exposure, size: Size, ifu: int, ifus: Sequence[int] = ()
) -> NDArray[np.uint16]:
    """Return the raw frame of one IFU, uint16[ny, nx] [adu].

    ``ifus`` are those of the whole exposure (default: all of the instrument): the
    header position refers to the middle of their part of the field.
    """
    whole = tuple(ifus) or tuple(range(1, size.n_ifus + 1))
    seed = np.array([exposure.seed, ifu, int(exposure.mjd * 86400)], np.uint64)
    return detector(size, ifu).expose(
        light(exposure, size, ifu, whole), exposure.exptime, seed
    )


def simulate_exposure(
    exposure: Exposure,
    size: Size,
    folder: Path,
    ifus: Sequence[int] | None = None,
    compress: bool = False,
) -> Path:
    """Write the raw file of an exposure and return its path.

    Parameters
    ----------
    exposure
        What is observed.
    size
        Full or mini instrument.
    folder
        Where the file goes, named as in the archive.
    ifus
        IFUs in the file; default: all.
    compress
        Write ``.fits.fz``.
    """
    wanted = tuple(ifus or range(1, size.n_ifus + 1))
    path = folder / (exposure.file_name + (".fz" if compress else ""))
    channels = _Channels(exposure, size, wanted)
    more = guide_extensions(exposure, size) if exposure.guiding else []
    write_raw(path, primary_header(exposure), channels, compress, more)
    return path
