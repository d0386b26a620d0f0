"""The recipe chain in one process, through the runner: what the other programs measure."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.chain import CHAIN, Call, raw_frames, statics, take_products
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
        label: str,
        folder: Path | None = None,
        given: Mapping[str, list[Path]] | None = None,
        **params: Any,
    ) -> list[Path]:
        """Run a call of the chain and return its products.

        ``given`` replaces frames of some tags, ``params`` are its parameters.
        """
        call = CALLS[label]
        frames = {**self.frames, **(given or {})}
        tags = (*call.raw, *call.calibrations)
        sof = [(path, tag) for tag in tags for path in frames.get(tag, [])]
        where = folder or self.folder / label.replace(" ", "_")
        return [product.path for product in run(call.recipe, sof, params, where)]

    def calibrate(self, labels: Iterable[str] = CALIBRATION) -> None:
        """Run calls whose products later ones need; those that are there are kept."""
        for label in labels:
            where = self.folder / label.replace(" ", "_")
            if not any(where.glob("*.fits")):
                print(f"running {label}", flush=True)
                self.call(label)
            take_products(self.frames, where)
