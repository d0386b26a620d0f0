"""The recipe chain in one process, through the runner: what the other programs measure."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.chain import CHAIN, Call, raw_frames, statics, take_products
from benchmarks.frames import simulate_frames
from pipeline.runner import run

CALLS: Mapping[str, Call] = {call.label: call for call in CHAIN}
CALIBRATION = ("bias", "flat", "wavecal", "twilight", "scibasic std", "standard")
SKY = ("scibasic sky", "create_sky")


class Reduction:
    """Frames by tag; each call adds its products to them.

    Parameters
    ----------
    raw
        Folder with raw frames.
    folder
        Where products go, each call in a folder of its own.
    size_name
        Size of the static calibrations: ``full`` or ``mini``.
    """

    def __init__(self, raw: Path, folder: Path, size_name: str) -> None:
        self.folder = folder
        self.frames: dict[str, list[Path]] = {**statics(size_name), **raw_frames(raw)}

    def call(
        self,
        label: str | Call,
        folder: Path | None = None,
        given: Mapping[str, list[Path]] | None = None,
        **params: Any,
    ) -> list[Path]:
        """Run a call, those of the chain by label, and return its products.

        ``given`` replaces frames of some tags, ``params`` are its parameters.
        """
        call = CALLS[label] if isinstance(label, str) else label
        frames = {**self.frames, **(given or {})}
        for tag, number in call.n_raw.items():
            if tag not in (given or {}):
                frames[tag] = [p for p in frames[tag] if f"_{number:04d}-" in p.name]
        tags = (*call.raw, *call.calibrations)
        sof = [(path, tag) for tag in tags for path in frames.get(tag, [])]
        values = dict(option.removeprefix("--").split("=") for option in call.options)
        where = folder or self.folder / call.label.replace(" ", "_")
        products = run(call.recipe, sof, {**values, **params}, where)
        return [product.path for product in products]

    def calibrate(self, labels: Iterable[str] = CALIBRATION) -> None:
        """Run calls whose products later ones need; those that are there are kept."""
        for label in labels:
            where = self.folder / label.replace(" ", "_")
            if not any(where.glob("*.fits")):
                print(f"running {label}", flush=True)
                self.call(label)
            take_products(self.frames, where)


def main() -> None:
    """Reduce the frames of the benchmark with our recipes alone, into ``FOLDER/own``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    options = parser.parse_args()
    folder = options.folder.resolve()
    raw = options.raw or simulate_frames(folder / "raw", [1, 2])
    reduction = Reduction(raw.resolve(), folder / "own", "full")
    reduction.calibrate((*CALIBRATION, *SKY, "scibasic object", "scipost"))


if __name__ == "__main__":
    main()
