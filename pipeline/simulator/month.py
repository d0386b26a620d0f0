"""A month of MUSE: nights with their calibrations, science and, on request, defects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.instrument import SIZES, Size
from pipeline.simulator import calibration_plan, observations
from pipeline.simulator.calibration_plan import Night, Seeds, night_of
from pipeline.simulator.defects import DEFECTS, Defect, chosen, truncate
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.truth import exposure_truth, write_instrument_truth, write_truth
from pipeline.spec import Progress

STANDARD = "Feige110"
"""Standard star of September nights."""

Science = Callable[[Night, Size, Seeds], Iterator[Exposure]]


@dataclass(frozen=True)
class Plan:
    """What a month contains.

    ``science``: by day of the month, the observing blocks of its night; ``twilights``:
    days with sky flats; ``once``: day of darks and astrometry.
    """

    science: Mapping[int, Sequence[Science]]
    twilights: Sequence[int]
    once: int


PLAN = Plan(
    science={
        2: (observations.with_sky,),
        3: (observations.without_sky, observations.single),
        4: (observations.deep_first,),
        10: (observations.deep_second,),
    },
    twilights=(2, 10),
    once=2,
)
"""The nights in use; a longer list of nights would only repeat them."""


def exposures(
    year: int,
    month: int,
    size: Size,
    *,
    nights: Sequence[int] | None = None,
    defects: str = "none",
    seed: int = 0,
) -> list[Exposure]:
    """Return all exposures of a month in the order of time; see `simulate_month`."""
    wanted = chosen(defects)
    days = sorted(set(PLAN.science) | {defect.day for defect in wanted})
    found: list[Exposure] = []
    for day in days:
        if nights is None or day in nights:
            found += _night(date(year, month, day), size, wanted, seed)
    return sorted(found, key=lambda exposure: exposure.start)


def _night(
    day: date, size: Size, wanted: Sequence[Defect], seed: int
) -> Iterator[Exposure]:
    """Yield the exposures of one night and of the day after it."""
    night, n = night_of(day, seed), day.day
    plan = Seeds(seed * 1_000_000 + n * 1000)
    broken = [defect for defect in wanted if defect.day == n]
    yield from calibration_plan.daytime(
        night, plan, dark_lamp=next((d.lamp for d in broken), "")
    )
    if n in PLAN.twilights:
        yield from calibration_plan.twilight(night, plan)
    if n == PLAN.once:
        yield from calibration_plan.darks(night, plan)
        yield from observations.astrometry(night, size, plan)
    yield from calibration_plan.standard(night, 3.3, plan, STANDARD)
    for hours in (1.8, 3.4):
        yield from calibration_plan.illumination(night, hours, plan)
    for science in PLAN.science.get(n, ()):
        yield from science(night, size, plan)
    for number, defect in enumerate(DEFECTS):
        if defect in broken:
            seeds = Seeds(plan.first + 500 + 40 * number)
            yield from calibration_plan.illumination(night, defect.hours - 0.1, seeds)
            yield from defect.block(night, size, seeds)


def simulate_month(
    month: str,
    size: str,
    out: Path,
    *,
    ifus: Sequence[int] | None = None,
    nights: Sequence[int] | None = None,
    defects: str = "none",
    seed: int = 0,
    compress: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the raw files of a month, named as in the archive, and their truth.

    Parameters
    ----------
    month
        ``YYYY-MM``.
    size
        ``full`` or ``mini``.
    out
        Folder for the frames, ``truth.json`` (one entry per frame) and ``truth-NN.fits``
        (one per IFU).
    ifus
        IFUs in the files; default: all.
    nights
        Days of the month (of the evening) to simulate; default: all of the plan.
    defects
        ``none``, ``all`` or names joined by commas, see `pipeline.simulator.defects`.
    seed
        Another seed gives other noise, weather and fields.
    compress
        Write ``.fits.fz``.
    workers
        Threads; the frames do not depend on their number.
    progress
        Called with the number of frames done and to do.

    Returns
    -------
    list of Path
        The raw files in the order of time.
    """
    instrument = next(known for known in SIZES.values() if known.name == size)
    year, number = (int(part) for part in month.split("-"))
    plan = exposures(year, number, instrument, nights=nights, defects=defects, seed=seed)
    channels = tuple(ifus or range(1, instrument.n_ifus + 1))
    out.mkdir(parents=True, exist_ok=True)

    def write(exposure: Exposure) -> Path:
        path = simulate_exposure(exposure, instrument, out, channels, compress)
        if exposure.truncated:
            truncate(path)
        return path

    paths = []
    with ThreadPoolExecutor(workers) as pool:
        for done, path in enumerate(pool.map(write, plan), 1):
            paths.append(path)
            if progress is not None:
                progress(done, len(plan))
    write_truth([exposure_truth(e, instrument, channels) for e in plan], out / "truth.json")
    for ifu in channels:
        write_instrument_truth(instrument, ifu, out / f"truth-{ifu:02d}.fits")
    return paths
