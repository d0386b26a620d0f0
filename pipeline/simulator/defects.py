"""What may go wrong: each defect has a block of its own and touches nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pipeline.instrument import Size
from pipeline.simulator import calibration_plan
from pipeline.simulator.calibration_plan import Night, Seeds
from pipeline.simulator.exposure import Exposure, ObservingBlock
from pipeline.simulator.fields import object_field
from pipeline.simulator.observations import observe
from pipeline.simulator.scene import Scene, Source


class Block(Protocol):
    """Exposures of the night that has a defect."""

    def __call__(self, night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
        """Yield them."""


@dataclass(frozen=True)
class Defect:
    """A defect: the day of the month it happens, its block, the lamp that it puts out.

    ``hours``: when its science starts, after midnight.
    """

    name: str
    day: int
    hours: float
    block: Block
    lamp: str = ""


def _target(number: int, name: str) -> ObservingBlock:
    return ObservingBlock(
        2110100 + number, f"SIM-{name}-1", "0117.C-0303(A)", f"SIM-{name}"
    )


def _saturated_star(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield an exposure with a star of magnitude 8 in the field."""
    place = (20.0, -30.0)
    star = Source("bright", place[0], place[1] + 0.3 / 3600, 1.2e-12, -1.0)
    scene = Scene((*object_field(*place, size, 21).sources, star))
    block = _target(1, "SATURATED")
    yield from observe(
        block, night, size, seeds, hours=4.5, position=place, scene=scene, n=1, sky=False
    )


def _truncated_file(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield two exposures; the file of the second breaks off."""
    place = (25.0, -22.0)
    block, scene = _target(2, "TRUNCATED"), object_field(*place, size, 22)
    for exposure in observe(
        block, night, size, seeds, hours=5.5, position=place, scene=scene, n=2, sky=False
    ):
        yield replace(exposure, truncated=exposure.template.expno == 2)


def _lost_lamp(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield an exposure of a night whose arcs lack the light of xenon."""
    place = (15.0, -35.0)
    block, scene = _target(3, "LOST-LAMP"), object_field(*place, size, 23)
    yield from observe(
        block, night, size, seeds, hours=3.0, position=place, scene=scene, n=1, sky=False
    )


def _missing_twilight(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield an exposure in extended mode with all its calibrations but twilights."""
    place, mode = (30.0, -27.0), "WFM-NOAO-E"
    block, scene = _target(4, "NO-TWILIGHT"), object_field(*place, size, 24)
    yield from calibration_plan.daytime(night, seeds, mode)
    yield from calibration_plan.standard(night, 5.9, seeds, "Feige110", mode)
    yield from observe(
        block,
        night,
        size,
        seeds,
        hours=6.2,
        position=place,
        scene=scene,
        n=1,
        sky=False,
        mode=mode,
    )


def _missing_master(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield an exposure in a readout mode for which there are no calibrations at all."""
    place = (35.0, -31.0)
    block, scene = _target(5, "NO-MASTER"), object_field(*place, size, 25)
    yield from observe(
        block,
        night,
        size,
        seeds,
        hours=7.0,
        position=place,
        scene=scene,
        n=1,
        sky=False,
        readout=2,
    )


DEFECTS = (
    Defect("saturated_star", 3, 4.5, _saturated_star),
    Defect("truncated_file", 3, 5.5, _truncated_file),
    Defect("lost_lamp", 5, 3.0, _lost_lamp, lamp="Xe"),
    Defect("missing_twilight", 4, 6.2, _missing_twilight),
    Defect("missing_master", 4, 7.0, _missing_master),
)
"""All defects that a month can have."""


def chosen(names: str) -> Sequence[Defect]:
    """Return the defects of ``none``, ``all`` or names joined by commas."""
    if names in ("", "none"):
        return ()
    if names == "all":
        return DEFECTS
    known = {defect.name: defect for defect in DEFECTS}
    unknown = set(names.split(",")) - set(known)
    if unknown:
        raise ValueError(
            f"no defect {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        )
    return [known[name] for name in names.split(",")]


def truncate(path: Path) -> None:
    """Cut off the last two fifths of a file, as a broken transfer does."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 5)
