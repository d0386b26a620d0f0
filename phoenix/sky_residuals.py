"""What the sky subtraction left in a final cube, taken out by ZAP: an option of the flow.

The cube keeps its name and its variance; its header tells of ZAP as of a second recipe
(``PRO REC2``). Images through filters are made anew from the cleaned cube; what their
headers tell of sources is that of before.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from phoenix.errors import PhoenixError
from pipeline.algorithms.filters import Filter, FilteredImage, filter_from, white
from pipeline.formats.cards import Keywords
from pipeline.formats.cube import open_cube
from pipeline.formats.headers import read_header
from pipeline.formats.revise import copy_revised
from pipeline.formats.tables import open_tables
from pipeline.spec import blocks
from pipeline.tools.cubes import wavelengths

CUBE, IMAGE = "DATACUBE_FINAL", "IMAGE_FOV"
"""Products that are cleaned, and those that are made anew from them."""

_PLANES = 32
"""Planes of a cube that are read at once."""

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


def renew_images(cube: Path, images: Sequence[Path], filters: Path | None) -> None:
    """Make images through filters anew from a cleaned cube, plane by plane.

    Parameters
    ----------
    cube
        The cube.
    images
        IMAGE_FOV files made with it.
    filters
        FILTER_LIST that the recipe was given, if any.

    Raises
    ------
    PhoenixError
        If a filter is not known.
    """
    if not images:
        return
    frame = open_cube(cube, CUBE)
    shape = frame.shape[1], frame.shape[2]
    bands = [_filter_of(image, filters) for image in images]
    sums = [FilteredImage(band, wavelengths(frame), shape) for band in bands]
    for rows in blocks(frame.shape[0], _PLANES):
        planes = frame.read(rows)
        for total in sums:
            total.add(rows.start, planes)
    told = {k: v for k, v in read_header(cube).items() if k.startswith("ESO PRO REC2 ")}

    def revise(unit: str, words: Keywords) -> Keywords | None:
        words.update(told)
        return None if unit else words

    for image, total in zip(images, sums, strict=True):
        aside = image.with_name(f".{image.name}")
        copy_revised(image, aside, revise, {"DATA": total.planes().data})
        aside.replace(image)


def _filter_of(image: Path, filters: Path | None) -> Filter:
    """Return the filter of an image, as the recipe chose it."""
    name = str(read_header(image).get("ESO DRS MUSE FILTER NAME", ""))
    for table in open_tables(filters, "FILTER_LIST").values() if filters else ():
        if name in table.names:
            return filter_from(name, table.read(name))
    if name != "white":
        raise PhoenixError(
            f"filter {name!r} of {image.name} is not known",
            remedy="give the FILTER_LIST that the image was made with",
        )
    return white()


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
