"""What the sky subtraction left in a final cube, taken out by ZAP: an option of the flow.

The cube keeps its name and its variance; its header tells of ZAP as of a second recipe
(``PRO REC2``). Images that were made with the cube are those of before.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from phoenix.errors import PhoenixError
from pipeline.formats.cards import Keywords
from pipeline.formats.revise import copy_revised

CUBE = "DATACUBE_FINAL"
"""Products that are cleaned."""

PARAMETER = "sky_residuals"
"""Name under which a job notes that its cube was cleaned, beside the recipe's own."""


def check_available() -> None:
    """Refuse to begin without the package.

    Raises
    ------
    PhoenixError
        If it is not installed.
    """
    if importlib.util.find_spec("zap") is None:
        raise PhoenixError(
            "PHOENIX_SKY_RESIDUALS=zap needs the package zap, which is not installed",
            remedy="pip install 'phoenix-muse[zap]', or set PHOENIX_SKY_RESIDUALS=none",
        )


def clean_cube(cube: Path) -> None:
    """Replace the values of a cube by those that ZAP leaves.

    Raises
    ------
    PhoenixError
        If ZAP is missing or fails.
    """
    check_available()
    with TemporaryDirectory(dir=cube.parent, prefix=".zap-") as folder:
        values, aside = Path(folder) / "values.npy", Path(folder) / cube.name
        command = [sys.executable, "-m", "phoenix.zap_cube", str(cube), str(values)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            problem = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise PhoenixError(
                f"ZAP failed on {cube.name}: {problem}",
                remedy="set PHOENIX_SKY_RESIDUALS=none, then run again with --retry",
            )
        settings = json.loads(done.stdout.strip().splitlines()[-1])

        def revise(unit: str, words: Keywords) -> Keywords | None:
            return None if unit else _told(words, settings)

        copy_revised(cube, aside, revise, {"DATA": np.load(values, mmap_mode="r")})
        aside.replace(cube)


def _told(words: Keywords, settings: dict[str, Any]) -> Keywords:
    """Add ZAP and its settings to the primary header of a cube."""
    version = settings.pop("version")
    told = {"ID": "zap", "DRS ID": f"zap-{version}", "PIPE ID": f"zap/{version}"}
    for number, (name, value) in enumerate(settings.items(), 1):
        told |= {f"PARAM{number} NAME": name, f"PARAM{number} VALUE": str(value)}
    for name, text in told.items():
        words[f"ESO PRO REC2 {name}"] = text
    words.comments["ESO PRO REC2 ID"] = "Removes what is left of sky lines"
    return words
