"""Taking raw files in: check, classify, checksum, recognise duplicates.

Every FITS file of a folder gets a row: accepted, duplicate, or quarantined with the
keyword at fault and the remedy. Files are left where they are. A file whose path, size
and time of change are known is not opened again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from association.classify import Quarantined, raw_record
from association.records import RawRecord
from phoenix.db.models import RawFile
from phoenix.db.session import Catalogue
from pipeline.formats.raw import RawImage, open_raw
from pipeline.instrument import size_of
from pipeline.spec import BadInput

SUFFIXES = (".fits", ".fits.fz")
TRUTH = "truth-"
"""Begin of the names of files that the simulator writes beside its frames: what is true
is no observation."""

BATCH = 64
"""Rows that are committed together."""


@dataclass
class Intake:
    """What came of one scan; ``known`` files had been taken in before."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        words = ("accepted", "known", "duplicate", "quarantined")
        return (
            ", ".join(f"{self.counts[w]} {w}" for w in words if self.counts[w])
            or "no files"
        )


def raw_files(folder: Path) -> list[Path]:
    """Return the FITS files under a folder, by path; hidden ones are work in progress."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.endswith(SUFFIXES)
        and not path.name.startswith((".", TRUTH))
        and path.is_file()
    )


def ingest(
    catalogue: Catalogue,
    folder: Path,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Intake:
    """Take in all FITS files under ``folder``.

    Parameters
    ----------
    catalogue : Catalogue
        Gets a row per file.
    folder : Path
        Where raw files are; subfolders too.
    workers : int
        Files that are read at the same time.
    progress : callable, optional
        Told how many files of how many are done.
    """
    paths = [path.resolve() for path in raw_files(folder)]
    intake = Intake()
    with catalogue.read() as session:
        fresh = [path for path in paths if not _known(session, path)]
    intake.counts["known"] = len(paths) - len(fresh)
    done = intake.counts["known"]
    with ThreadPoolExecutor(workers) as pool:
        for batch in _batches(pool.map(examine, fresh)):
            with catalogue.write() as session:
                for row in batch:
                    _settle(session, row)
                    intake.counts[row.state] += 1
                    if row.state == "quarantined":
                        intake.problems.append((row.name, row.reason))
            done += len(batch)
            if progress is not None:
                progress(done, len(paths))
    return intake


def _known(session: Session, path: Path) -> bool:
    """Tell whether this very file is in the catalogue."""
    row = session.scalar(select(RawFile).where(RawFile.path == str(path)))
    status = path.stat()
    return row is not None and (row.size_bytes, row.mtime_ns) == (
        status.st_size,
        status.st_mtime_ns,
    )


def _batches(rows: Iterable[RawFile]) -> Iterator[list[RawFile]]:
    """Cut rows into batches of one transaction each."""
    batch: list[RawFile] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def examine(path: Path) -> RawFile:
    """Read a file's headers and checksum; return its row, accepted or quarantined."""
    status = path.stat()
    row = RawFile(
        name=path.name,
        path=str(path),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        checksum="",
        state="quarantined",
        reason="",
    )
    try:
        with path.open("rb") as file:
            row.checksum = hashlib.file_digest(file, "sha256").hexdigest()
        frames = open_raw(path, "RAW")
    except (BadInput, OSError) as error:
        row.reason = str(error)
        return row
    first = next(iter(frames.values()))
    chips = {ifu: _chip(frame) for ifu, frame in frames.items()}
    record = raw_record(path.name, str(path), first.header, chips)
    if isinstance(record, Quarantined):
        at = f"{record.keyword}: " if record.keyword not in record.reason else ""
        row.reason = f"{at}{record.reason}. Remedy: {record.remedy}"
        return row
    _fill(row, record, first)
    return row


def _chip(frame: RawImage) -> str:
    """Return the detector of an IFU, which its extension or the primary header names."""
    own = frame.unit.header.get("ESO DET CHIP ID")
    return str(frame.primary.get("ESO DET CHIP ID", "") if own is None else own)


def _fill(row: RawFile, record: RawRecord, frame: RawImage) -> None:
    """Copy a record into the row of an accepted file."""
    row.state, row.tag, row.night = "accepted", record.tag, record.night
    row.mjd_obs, row.exptime_s = record.mjd_obs, record.exptime_s
    row.mode, row.readout = record.setup.mode, record.setup.readout
    row.opti1, row.opti2 = record.setup.opti1, record.setup.opti2
    row.chips = {str(ifu): chip for ifu, chip in record.chips.items()}
    row.size_name = size_of(frame.shape).name
    row.temperature = record.temperature
    row.tpl_start, row.tpl_id = record.tpl_start, record.tpl_id
    row.tpl_nexp, row.tpl_expno = record.tpl_nexp, record.tpl_expno
    row.obs_id, row.prog_id, row.target = record.obs_id, record.prog_id, record.target
    row.ra, row.dec, row.posang = record.ra, record.dec, record.posang
    row.lamps = list(record.lamps)


def _settle(session: Session, row: RawFile) -> None:
    """Add a row; a file that was seen before at this path keeps its number.

    The same content, or the same exposure under its name with another suffix, is a
    duplicate; other content under the name of an accepted file is quarantined, since
    names are identities.
    """
    known = session.scalar(select(RawFile).where(RawFile.path == row.path))
    if known is not None:
        row.id = known.id
    if row.state == "accepted":
        twin = _twin(session, row)
        if twin is not None and _same_exposure(twin, row):
            row.state, row.reason = "duplicate", f"the same exposure as {twin.path}"
        elif twin is not None:
            row.state = "quarantined"
            row.reason = (
                f"another exposure has this name: {twin.path}. Remedy: find out which one "
                "is right and remove or rename the other"
            )
    session.merge(row)
    session.flush()


def _stem(name: str) -> str:
    """Return a file name without what tells its compression."""
    return name.removesuffix(".fz").removesuffix(".fits")


def _twin(session: Session, row: RawFile) -> RawFile | None:
    """Return an accepted file of the same content or name."""
    stem = _stem(row.name)
    names = [f"{stem}{suffix}" for suffix in SUFFIXES]
    return session.scalar(
        select(RawFile)
        .where(RawFile.state == "accepted", RawFile.path != row.path)
        .where((RawFile.checksum == row.checksum) | RawFile.name.in_(names))
        .order_by(RawFile.id)
    )


def _same_exposure(one: RawFile, other: RawFile) -> bool:
    """Tell whether two files hold one exposure."""
    if one.checksum == other.checksum:
        return True
    keys = ("tag", "mjd_obs", "exptime_s", "chips", "tpl_start", "tpl_expno")
    return all(getattr(one, key) == getattr(other, key) for key in keys)
