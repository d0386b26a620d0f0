"""Raw frames made ready: trimmed, without bias, in counts, with flags and variance.

`calibrated` gives a lazy `pipeline.spec.ImageFrame`, so the steps that follow read rows of
it as if it were a file::

    frame = calibrated(raw, bias, params)
    planes = frame.read(slice(0, 64))        # [count], DQ, [count**2]
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.bias_level import check_bias_level, check_ports
from pipeline.algorithms.overscan import OverscanLevel, OverscanParams, overscan_level
from pipeline.algorithms.overscan_pixels import NOWHERE, Places
from pipeline.flags import Flag
from pipeline.instrument import Size, size_of
from pipeline.kernels.detector import calibrate
from pipeline.spec import (
    BadInput,
    Columns,
    Header,
    ImageFrame,
    Planes,
    RawFrame,
    TableFrame,
)

log = logging.getLogger(__name__)

_BINNING = ("ESO DET BINX", "ESO DET BINY")
_SETUP = (*_BINNING, "ESO DET READ CURID", "ESO DET CHIP NAME", "ESO DET CHIP ID")


@dataclass
class CalibratedFrame:
    """A raw frame seen as a trimmed image; implements `pipeline.spec.ImageFrame`.

    ``header``: that of the raw frame and the overscan keywords. ``gain``: by port
    [count/adu]; 1 keeps the data in adu. ``read_noise``: by port, in the unit of the data.
    """

    raw: RawFrame
    size: Size
    overscan: OverscanLevel
    gain: tuple[float, ...]
    read_noise: tuple[float, ...]
    photons: bool
    bias: ImageFrame | None = None
    dark: ImageFrame | None = None
    dark_scale: float = 1.0
    bad_pixels: Sequence[tuple[int, int, int]] = ()

    def __post_init__(self) -> None:
        self.name, self.tag, self.ifu = self.raw.name, self.raw.tag, self.raw.ifu
        self.header: Header = {**self.raw.header, **self.overscan.keywords}
        self.shape = self.size.shape

    def read(self, rows: slice) -> Planes:
        """Return data, flags and variance of some trimmed rows."""
        start, stop, _ = rows.indices(self.shape[0])
        middle = self.size.quadrant_ny
        shape = max(stop - start, 0), self.shape[1]
        data, stat = np.empty(shape, np.float32), np.empty(shape, np.float32)
        planes = Planes(data, np.empty(shape, np.uint32), stat)
        for low, high in ((start, min(stop, middle)), (max(start, middle), stop)):
            if low < high:
                part = slice(low - start, high - start)
                self._calibrate(slice(low, high), Planes._make(p[part] for p in planes))
        self.flag_known(planes.dq, start)
        if self.dark is not None:
            return self._without_dark(rows, planes)
        return planes

    def _calibrate(self, rows: slice, out: Planes) -> None:
        """Fill rows of the lower or of the upper half."""
        size, upper = self.size, rows.start >= self.size.quadrant_ny
        shift = size.scan * (3 if upper else 1)
        ports = [3, 2] if upper else [0, 1]
        calibrate(
            self.raw.read(slice(rows.start + shift, rows.stop + shift)),
            self.overscan.rows[rows],
            size.scan,
            *self.bias_rows(rows),
            np.array([self.gain[port] for port in ports]),
            np.array([self.read_noise[port] ** 2 for port in ports]),
            self.photons,
            *out,
        )

    def bias_rows(self, rows: slice) -> Planes:
        """Return rows of the master bias [adu], zeros if there is none."""
        if self.bias is not None:
            return self.bias.read(rows)
        shape = rows.stop - rows.start, self.shape[1]
        zero = np.zeros(shape, np.float32)
        return Planes(zero, np.zeros(shape, np.uint32), zero)

    def shared_variance(self, rows: slice) -> NDArray[np.float32]:
        """Return the part of STAT that comes from master bias and dark, [n_rows, nx].

        All exposures of one IFU have it in common, so it does not average out.
        """
        variance = self.bias_rows(rows).stat.copy()
        middle = self.size.quadrant_ny
        first = slice(0, max(min(middle, rows.stop) - rows.start, 0))
        for part, ports in ((first, (0, 1)), (slice(first.stop, None), (3, 2))):
            for port, half in zip(ports, np.hsplit(variance[part], 2), strict=True):
                half *= np.float32(self.gain[port] ** 2)
        if self.dark is not None:
            variance += np.float32(self.dark_scale**2) * self.dark.read(rows).stat
        return variance

    def flag_known(self, dq: NDArray[np.uint32], start: int) -> None:
        """Mark the pixels of the bad-pixel table."""
        for y, x, flag in self.bad_pixels:
            if start <= y < start + len(dq):
                dq[y - start, x] |= np.uint32(flag)

    def _without_dark(self, rows: slice, planes: Planes) -> Planes:
        """Subtract the master dark, scaled to the exposure time."""
        assert self.dark is not None
        dark, scale = self.dark.read(rows), np.float32(self.dark_scale)
        return Planes(
            planes.data - scale * dark.data,
            planes.dq | dark.dq,
            planes.stat + scale * scale * dark.stat,
        )


def calibrated(
    raw: RawFrame,
    bias: ImageFrame,
    params: OverscanParams,
    *,
    dark: ImageFrame | None = None,
    bad_pixels: Sequence[TableFrame] = (),
    read_noise: bool = True,
) -> CalibratedFrame:
    """Return a raw frame in counts, free of overscan, bias and (if given) dark.

    Parameters
    ----------
    raw
        One IFU of an exposure.
    bias
        MASTER_BIAS of this IFU, made with the same ``overscan``.
    params
        Overscan parameters of the recipe.
    dark
        MASTER_DARK of this IFU; scaled with EXPTIME.
    bad_pixels
        BADPIX_TABLE frames.
    read_noise
        Whether STAT includes the read-out noise of this exposure. The genuine pipeline
        leaves it out and so gets too small a variance.

    Raises
    ------
    BadInput
        If the master was taken with another setup or made with another ``overscan``.
    """
    check_setup(raw, bias, _SETUP)
    size = size_of(raw.shape)
    bad_scans = bad_scan_pixels(bad_pixels, raw.ifu, size)
    level = overscan_level(raw, params, bias.header, bad_scans)
    check_ports(raw, level)
    check_bias_level(raw, bias, level, params)
    gain = gains(raw.header, raw.name)
    noise = read_noises(raw.header, bias.header) if read_noise else (0.0,) * 4
    scale = 1.0
    if dark is not None:
        scale = dark_scale(raw, dark)
    found = bad_pixel_list(bad_pixels, raw.ifu, size)
    return CalibratedFrame(
        raw, size, level, gain, noise, True, bias, dark, scale, bad_pixels=found
    )


def gains(header: Header, name: str) -> tuple[float, ...]:
    """Return the gain of the four ports [count/adu]."""
    found = []
    for port in range(1, 5):
        keyword = f"ESO DET OUT{port} GAIN"
        if not float(header.get(keyword, 0.0)) > 0:
            raise BadInput(
                "the gain is missing or not positive",
                file=name,
                keyword=keyword,
                remedy="add the gain [electrons/adu] of the port to the raw header",
            )
        found.append(float(header[keyword]))
    return tuple(found)


def read_noises(header: Header, bias: Header) -> tuple[float, ...]:
    """Return the read-out noise of the four ports [count].

    As measured for the master bias; else as the raw header says, else 1 (as the
    genuine pipeline takes it).
    """
    return tuple(
        float(
            bias.get(f"ESO QC BIAS MASTER{port} RON")
            or header.get(f"ESO DET OUT{port} RON")
            or 1.0
        )
        for port in range(1, 5)
    )


def check_setup(raw: RawFrame, master: ImageFrame, keywords: Sequence[str]) -> None:
    """Refuse a master of another size, binning, read-out mode or chip."""
    if size_of(raw.shape) is not size_of(master.shape):
        raise BadInput(
            f"has {master.shape} pixels, {raw.name} needs {size_of(raw.shape).shape}",
            file=master.name,
            keyword="NAXIS1",
            remedy=f"give a {master.tag} of the same detector",
        )
    for keyword in keywords:
        ours, theirs = raw.header.get(keyword), master.header.get(keyword)
        if ours is not None and theirs is not None and ours != theirs:
            raise BadInput(
                f"is {theirs!r}, but {ours!r} in {raw.name}",
                file=master.name,
                keyword=keyword,
                remedy=f"give a {master.tag} of the same setup and chip",
            )


def dark_scale(raw: RawFrame, dark: ImageFrame) -> float:
    """Return what a master dark of the same setup is multiplied by for an exposure."""
    check_setup(raw, dark, _BINNING)
    return _exposure_time(raw) / _exposure_time(dark)


def _exposure_time(frame: RawFrame | ImageFrame) -> float:
    """Return EXPTIME [s], which a dark needs."""
    time = float(frame.header.get("EXPTIME", 0.0))
    if not time > 0:
        raise BadInput(
            f"is {time}", file=frame.name, keyword="EXPTIME", remedy="leave out the dark"
        )
    return time


def bad_pixel_list(
    tables: Sequence[TableFrame], ifu: int | None, size: Size
) -> list[tuple[int, int, int]]:
    """Return row and column (from 0, trimmed) and flag of the known bad pixels.

    Tables hold 1-based raw positions ``xpos``, ``ypos`` and Euro3D bits ``status``.
    """
    found = []
    for table in tables:
        if table.ifu not in (None, ifu) or not table.names:
            continue
        columns = table.read().columns
        _warn_of_outside(table, columns, ifu, size)
        for x, y, status in zip(
            columns["xpos"], columns["ypos"], columns["status"], strict=True
        ):
            place = _trimmed(int(y) - 1, int(x) - 1, size)
            if place is not None:
                flag = int(status) & 0xFFFFFFFF  # bit 31 makes it negative
                found.append((*place, flag or int(Flag.BAD_OTHER)))
    return found


def bad_scan_pixels(tables: Sequence[TableFrame], ifu: int | None, size: Size) -> Places:
    """Return the known bad pixels in the pre- and overscans of a raw frame."""
    found = [NOWHERE]
    for table in tables:
        if table.ifu in (None, ifu) and table.names:
            columns = table.read().columns
            places = np.stack([columns["ypos"], columns["xpos"]], axis=1).astype(np.intp)
            found.append(places - 1)
    y, x = np.concatenate(found).T
    lit = np.zeros(len(y), bool)
    for q in size.quadrants():
        rows = (y >= q.raw_y.start) & (y < q.raw_y.stop)
        lit |= rows & (x >= q.raw_x.start) & (x < q.raw_x.stop)
    return np.stack([y, x], axis=1)[~lit]


def _warn_of_outside(
    table: TableFrame, columns: Columns, ifu: int | None, size: Size
) -> None:
    """Warn of bad pixels that are on no detector."""
    ny, nx = size.raw_shape
    x, y = (np.asarray(columns[name]) for name in ("xpos", "ypos"))
    n_outside = int(np.count_nonzero((x < 1) | (x > nx) | (y < 1) | (y > ny)))
    if n_outside:
        log.warning(
            "%s, xpos and ypos: %d of %d pixels lie outside the detector of IFU %s. "
            "Remedy: give raw positions, which count from 1",
            table.name,
            n_outside,
            len(x),
            ifu,
        )


def _trimmed(raw_y: int, raw_x: int, size: Size) -> tuple[int, int] | None:
    """Return the trimmed position of a raw pixel; None in pre- and overscan."""
    for port in size.quadrants():
        y, x = raw_y - port.raw_y.start, raw_x - port.raw_x.start
        if 0 <= y < size.quadrant_ny and 0 <= x < size.quadrant_nx:
            return port.trim_y.start + y, port.trim_x.start + x
    return None
