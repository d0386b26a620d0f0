"""Grouping of raw frames into what is processed together.

A *calibration set* is what one template call took with one setup; a *science dataset*
the object and sky exposures of one template call of an observation block; a *deep
group* the datasets of one target from two or more observation blocks.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, radians
from typing import TypeVar

from association.decisions import Request
from association.records import RawRecord, Role

SCIENCE_TAGS = ("OBJECT", "SKY")
DEEP_RADIUS = 30.0
"""Largest distance of a pointing from the first of its group [arcsec] (half a field)."""

Key = TypeVar("Key", bound=Hashable)
Group = TypeVar("Group", "CalibrationSet", "ScienceDataset")


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """Raw frames of one kind, template call and setup, in order of time.

    ``setup`` is named where one template call has several of the same mode.
    """

    tag: str
    frames: tuple[RawRecord, ...]
    setup: str = ""

    @property
    def name(self) -> str:
        """Name of its association block."""
        first = self.frames[0]
        start = first.tpl_start or first.name
        return f"MUSE.{start}_{self.tag}_{first.setup.mode}{self.setup}"


@dataclass(frozen=True, slots=True)
class ScienceDataset:
    """Object and sky exposures of one template call, in order of time.

    ``setup`` is named where one template call has several of the same mode.
    """

    objects: tuple[RawRecord, ...]
    skies: tuple[RawRecord, ...]
    setup: str = ""

    @property
    def frames(self) -> tuple[RawRecord, ...]:
        """All exposures, in order of time."""
        return tuple(sorted(self.objects + self.skies, key=_by_time))

    @property
    def name(self) -> str:
        """Name of its association block."""
        first = self.frames[0]
        start = first.tpl_start or first.name
        return f"MUSE.{start}_{first.obs_id}_{first.setup.mode}{self.setup}"

    def nearest_sky(self, frame: RawRecord) -> RawRecord | None:
        """Return the sky exposure nearest in time to ``frame``, if there is one."""
        return min(
            self.skies,
            key=lambda sky: (abs(sky.mjd_mid - frame.mjd_mid), sky.name),
            default=None,
        )


@dataclass(frozen=True, slots=True)
class DeepGroup:
    """Datasets of one target, from two or more observation blocks or programme runs."""

    target: str
    datasets: tuple[ScienceDataset, ...]

    @property
    def obs_ids(self) -> tuple[int, ...]:
        """Observation blocks, ascending."""
        return tuple(sorted({d.objects[0].obs_id for d in self.datasets}))

    @property
    def prog_ids(self) -> tuple[str, ...]:
        """Programme runs, ascending."""
        return tuple(sorted({d.objects[0].prog_id for d in self.datasets}))


def calibration_sets(frames: Iterable[RawRecord]) -> list[CalibrationSet]:
    """Group calibration frames by kind, template call and setup; oldest set first."""
    calibs = (f for f in frames if f.tag not in SCIENCE_TAGS)
    groups = _grouped(calibs, lambda f: (f.tag, f.tpl_start or f.name, f.setup))
    sets = [CalibrationSet(members[0].tag, members) for members in groups]
    return sorted(_told_apart(sets), key=lambda s: (s.frames[0].mjd_obs, s.name))


def science_datasets(frames: Iterable[RawRecord]) -> list[ScienceDataset]:
    """Group object and sky exposures by observation block, template call and setup."""
    science = (f for f in frames if f.tag in SCIENCE_TAGS)
    groups = _grouped(science, lambda f: (f.obs_id, f.tpl_start or f.name, f.setup))
    sets = [
        ScienceDataset(
            tuple(f for f in members if f.tag == "OBJECT"),
            tuple(f for f in members if f.tag == "SKY"),
        )
        for members in groups
    ]
    return sorted(_told_apart(sets), key=lambda s: (s.frames[0].mjd_obs, s.name))


def deep_groups(
    datasets: Iterable[ScienceDataset], radius_arcsec: float = DEEP_RADIUS
) -> list[DeepGroup]:
    """Find targets that two or more observation blocks visited, also across runs.

    Only the wide field makes deep cubes; with and without adaptive optics may mix. A
    dataset joins the first group whose first pointing is within ``radius_arcsec``; the
    target's name does not decide, since programmes name one field differently.
    """
    groups: list[list[ScienceDataset]] = []
    ordered = sorted(datasets, key=lambda d: (d.frames[0].mjd_obs, d.name))
    for dataset in ordered:
        if not dataset.objects or not dataset.objects[0].setup.mode.startswith("WFM"):
            continue
        near = (g for g in groups if _separation(g[0], dataset) <= radius_arcsec)
        home = next(near, None)
        if home is None:
            groups.append([dataset])
        else:
            home.append(dataset)
    deep = (DeepGroup(g[0].objects[0].target, tuple(g)) for g in groups)
    return [group for group in deep if len(group.obs_ids) > 1]


def request_of(frames: Sequence[RawRecord], role: Role, geometry: str = "") -> Request:
    """Return what calibrations of these frames must fit: mean time and temperature."""
    warm = [f.temperature for f in frames if f.temperature is not None]
    chips: dict[int, str] = {}
    for frame in frames:
        for ifu, chip in frame.chips.items():
            chips.setdefault(ifu, chip)
    return Request(
        role=role,
        mjd_mid=mean_time(frames),
        setup=frames[0].setup,
        chips=dict(sorted(chips.items())),
        temperature=sum(warm) / len(warm) if warm else None,
        geometry=geometry,
    )


def missing_exposures(frames: Sequence[RawRecord]) -> tuple[str, ...]:
    """Remark that a template call has not given all its exposures."""
    planned = max(f.tpl_nexp for f in frames)
    if len(frames) >= planned:
        return ()
    return (f"{len(frames)} of the {planned} exposures of the template are here",)


def mean_time(frames: Sequence[RawRecord]) -> float:
    """Return the mean of the middles of some exposures [d, MJD]."""
    start = frames[0].mjd_mid
    return start + sum(f.mjd_mid - start for f in frames) / len(frames)


def _by_time(frame: RawRecord) -> tuple[float, str]:
    return frame.mjd_obs, frame.name


def _grouped(
    frames: Iterable[RawRecord], key: Callable[[RawRecord], Key]
) -> list[tuple[RawRecord, ...]]:
    """Collect frames of equal key, each group in order of time."""
    groups: dict[Key, list[RawRecord]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return [tuple(sorted(group, key=_by_time)) for group in groups.values()]


def _told_apart(sets: list[Group]) -> list[Group]:
    """Name the setup of sets that would have the same name: names are identities."""
    count = Counter(members.name for members in sets)
    return [
        replace(members, setup=_words(members)) if count[members.name] > 1 else members
        for members in sets
    ]


def _words(members: CalibrationSet | ScienceDataset) -> str:
    """Return what besides the mode tells one setup from another."""
    setup = members.frames[0].setup
    return f"_{setup.readout}_{setup.opti1}_{setup.opti2}"


def _separation(one: ScienceDataset, other: ScienceDataset) -> float:
    """Return the distance of the first pointings [arcsec] (small angles)."""
    a, b = one.objects[0], other.objects[0]
    d_ra = (a.ra - b.ra + 180.0) % 360.0 - 180.0
    return 3600.0 * hypot(d_ra * cos(radians(0.5 * (a.dec + b.dec))), a.dec - b.dec)
