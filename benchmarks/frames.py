"""The full-size frames of the benchmark: one night with everything the chain needs."""

from collections.abc import Sequence
from pathlib import Path


def simulate_frames(folder: Path, ifus: Sequence[int]) -> Path:
    """Write the frames of some IFUs into a folder, unless they are there."""
    raise SystemExit("not yet")
