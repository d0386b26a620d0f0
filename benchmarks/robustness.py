"""What our calibration recipes make of bad frames: ``python -m benchmarks.robustness``.

Takes the raw frames of the benchmark's night at full size, runs the recipes on those of one
IFU, good and damaged, and judges every product by the simulator's truth. Bad input is
refused, or named in a warning, or does no harm: no product may be wrong. Warnings that good
frames raise too are not shown. Ends with an error if a product is wrong.
"""

import argparse
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import damage
from benchmarks.chain import CHAIN, raw_frames, statics, take_products
from benchmarks.damage import Damage, change_counts
from benchmarks.frames import simulate_frames
from benchmarks.verdicts import JUDGES, Deviation, hot_pixels
from pipeline.runner import run
from pipeline.spec import BadInput

CALLS = {call.label: call for call in CHAIN if call.label in JUDGES}
ORDER = ("bias", "dark", "flat", "wavecal", "lsf", "twilight")
ARCS = ("wavecal", "lsf")
LIGHT = ("flat", *ARCS, "twilight")
ONE = slice(1, 2)
WIDTH = 100
"""Characters of a message that are shown ..."""
SHOWN = 3
"""... and messages of a call."""


@dataclass(frozen=True)
class Case:
    """Something wrong with the raw frames of some calls.

    ``together``: the frames of all calls have it, and later calls get the products of the
    earlier ones.
    """

    name: str
    calls: Sequence[str]
    damage: Damage
    together: bool = False


GOOD = Case("nothing wrong", ORDER, damage.unchanged, together=True)
HOT = Case("1 % hot pixels", ORDER, change_counts(damage.heat_pixels))
CASES = (
    Case("overscan of one frame shifted", ORDER, change_counts(damage.shift_overscan, ONE)),
    Case("dead quadrant in one frame", ORDER, change_counts(damage.dead_port, ONE)),
    Case("quadrant without light", LIGHT, change_counts(damage.dark_port)),
    HOT,
    Case("slice at the edge lost", LIGHT, change_counts(damage.push_slice), together=True),
    Case("lamp missing", ARCS, damage.lamp_missing),
    Case("lamp out", ARCS, damage.lamp_out),
    Case("arcs exposed 20 times too long", ARCS, damage.over_exposed),
)


class Warnings(logging.Handler):
    """Keeps the warnings of a recipe."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, once."""
        message = record.getMessage()
        if message not in self.messages:
            self.messages.append(message)


class Trial:
    """Runs recipes on damaged frames of one IFU and prints what happens.

    Parameters
    ----------
    raw
        Folder with raw frames.
    folder
        Where damaged frames and products go.
    ifu
        The IFU.
    """

    def __init__(self, raw: Path, folder: Path, ifu: int) -> None:
        self.folder, self.ifu = folder, ifu
        shutil.rmtree(folder, ignore_errors=True)
        frames, self.raw = raw_frames(raw), folder / "raw"
        tags = {CALLS[label].raw[0] for label in ORDER}
        self.frames = statics() | {
            tag: damage.of_one_ifu(frames[tag], self.raw, ifu) for tag in sorted(tags)
        }
        self.usual: set[str] = set()
        self.n_wrong = 0

    def run(self, case: Case, only: Sequence[str]) -> None:
        """Run the calls of a case, in order."""
        where = self._folder(case)
        frames = {tag: list(paths) for tag, paths in self.frames.items()}
        for label in ORDER:
            if not (case.together and label in case.calls):
                take_products(frames, self._folder(GOOD) / label)
        for label in case.calls:
            if not case.together and label not in only:
                continue
            tag = CALLS[label].raw[0]
            raws = case.damage(self.frames[tag], where / "raw", self.ifu)
            self._run(case, label, {**frames, tag: raws}, where)
            if case.together:
                take_products(frames, where / label)
            shutil.rmtree(where / "raw", ignore_errors=True)

    def _folder(self, case: Case) -> Path:
        """Return where the products of a case go."""
        return self.folder / case.name.replace(" ", "_").replace("%", "percent")

    def _run(
        self, case: Case, label: str, frames: Mapping[str, list[Path]], where: Path
    ) -> None:
        """Run a call, judge its products and print a row."""
        call = CALLS[label]
        tags = call.raw[0], *call.calibrations
        sof = [(path, tag) for tag in tags for path in frames.get(tag, [])]
        heard = Warnings()
        logging.getLogger("pipeline").addHandler(heard)
        found: list[Deviation] = []
        try:
            run(call.recipe, sof, {}, where / label, nifu=self.ifu)
            what = "warned"
        except BadInput as error:
            what, heard.messages = "refused", [str(error)]
        else:
            found = self._judged(case, label, where)
        finally:
            logging.getLogger("pipeline").removeHandler(heard)
        told = [m for m in heard.messages if _pattern(m) not in self.usual]
        if case is GOOD:
            self.usual |= {_pattern(message) for message in heard.messages}
        if not told:
            what = "silent"
        wrong = [one for one in found if not one.value <= one.limit]
        self.n_wrong += bool(wrong)
        cells = "; ".join(
            f"{d.name} {d.value:.4g} {d.unit}".rstrip() for d in found if d.value or wrong
        )
        mark = "WRONG: " if wrong else ""
        print(f"{case.name:32s}{label:10s}{what:9s}{mark}{cells}")
        for message in told[:SHOWN]:
            print(f"    {message[:WIDTH]}{'...' if len(message) > WIDTH else ''}")
        if len(told) > SHOWN:
            print(f"    and {len(told) - SHOWN} more")

    def _judged(self, case: Case, label: str, where: Path) -> list[Deviation]:
        """Return how far the products of a call are from the truth."""
        found = list(JUDGES[label](where, self.ifu))
        if case is HOT and label in ("dark", "flat"):
            path = where / label / f"MASTER_{label.upper()}-{self.ifu:02d}.fits"
            found.append(hot_pixels(path, damage.hot_places(), self.ifu))
        return found


def _pattern(message: str) -> str:
    """Return a message without its numbers."""
    return re.sub(r"\d+(\.\d+)?", "#", message)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--ifu", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=ORDER, default=ORDER)
    options = parser.parse_args()
    folder = options.folder.resolve()
    raw = options.raw or simulate_frames(folder / "raw", [1, 2])
    trial = Trial(raw.resolve(), folder / "robustness", options.ifu)
    print(f"{'case':32s}{'call':10s}{'':9s}worst deviation from the truth")
    for case in (GOOD, *CASES):
        trial.run(case, options.only)
    shutil.rmtree(trial.raw)
    print(f"{trial.n_wrong} wrong")
    raise SystemExit(trial.n_wrong > 0)


if __name__ == "__main__":
    main()
