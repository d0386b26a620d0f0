"""A complete set of frames of one night: everything the whole chain of recipes needs."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from pipeline.instrument import Size
from pipeline.simulator import calibration_plan
from pipeline.simulator.calibration_plan import Night, Seeds
from pipeline.simulator.exposure import Conditions, Exposure, ObservingBlock
from pipeline.simulator.fields import object_field
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.observations import observe
from pipeline.simulator.optics import Drift
from pipeline.simulator.scene import CubeSource, Scene
from pipeline.simulator.truth import exposure_truth, write_instrument_truth, write_truth

POSITION = (10.0, -25.0)
"""Where the field of the set lies: ra, dec [deg]."""


def reference_exposures(
    size: Size, n_objects: int = 4, seed: int = 1, cube: Path | None = None
) -> list[Exposure]:
    """Return one night: 5 biases, 5 flats, 9 arcs, 3 darks, 3 twilights, a standard, a
    lamp flat of the night, ``n_objects`` exposures of a field (the second and fourth
    turned by 90 degrees) and one of the sky. ``cube``: a file with a real cube that is
    observed instead of stars and galaxies, see `pipeline.simulator.scene.CubeSource`.
    """  # noqa: D205
    night = Night(date(2026, 9, 2), Conditions(seeing=0.75), 12.3, Drift(0.03, 0.04))
    scene = object_field(*POSITION, size, 7)
    if cube is not None:
        scene = Scene(cubes=(CubeSource(cube.stem, cube, *POSITION),))
    found = _night(night, size, n_objects, seed, scene)
    return sorted(found, key=lambda exposure: exposure.start)


def _night(
    night: Night, size: Size, n_objects: int, seed: int, scene: Scene
) -> Iterator[Exposure]:
    seeds = Seeds(seed * 1000)
    yield from calibration_plan.daytime(night, seeds)
    yield from calibration_plan.darks(night, seeds)
    yield from calibration_plan.twilight(night, seeds)
    yield from calibration_plan.standard(night, 3.3, seeds, "Feige110")
    yield from calibration_plan.illumination(night, 3.9, seeds)
    yield from observe(
        ObservingBlock(2110000, "SIM-field", "0117.A-0101(A)", "SIM-field"),
        night,
        size,
        seeds,
        hours=4.0,
        position=POSITION,
        scene=scene,
        n=n_objects,
        sky=True,
    )


def simulate_set(
    size: Size,
    out: Path,
    *,
    ifus: Sequence[int] | None = None,
    n_objects: int = 4,
    cube: Path | None = None,
) -> dict[str, list[Path]]:
    """Write the frames of `reference_exposures` with their truth; return them by tag."""
    channels = tuple(ifus or range(1, size.n_ifus + 1))
    out.mkdir(parents=True, exist_ok=True)
    frames: dict[str, list[Path]] = {}
    plan = reference_exposures(size, n_objects, cube=cube)
    for exposure in plan:
        path = simulate_exposure(exposure, size, out, channels)
        frames.setdefault(exposure.kind, []).append(path)
    write_truth([exposure_truth(e, size, channels) for e in plan], out / "truth.json")
    for ifu in channels:
        write_instrument_truth(size, ifu, out / f"truth-{ifu:02d}.fits")
    return frames
