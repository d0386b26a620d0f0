"""The files of one data product as the archive gets them.

The cube, its white-light image, the map of exposure times, the log and the preview.

Names and keywords follow ESO's science data product standard. Data are copied as the
recipe wrote them; only keywords that a recipe cannot know are added: provenance in terms
of the archive, links between the files.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from phoenix.db.models import Product, now
from phoenix.errors import ReleaseRefused
from phoenix.evidence import Evidence
from phoenix.standard_rules import CUBE, DATA_UNIT, EXPOSURES, FORBIDDEN, STAT_UNIT, WHITE
from phoenix.store import Store
from pipeline import __version__
from pipeline.formats.cards import Keywords
from pipeline.formats.headers import read_header
from pipeline.formats.revise import copy_revised

Preview = Callable[[Path, Path], None]
"""Writes the preview image of a cube: ``preview(cube, png)``."""

IMAGE_CODES = {"SCBS": "SIMS", "SCBC": "SIMC", "SCBX": "SIMX", "SCBD": "SIMD"}
MAP_CODE = "SXPM"
NUMBERED = re.compile(r"(PROV|OBID|PROGID|ASSON|ASSOC|ASSOM)\d+")
"""Keywords that are written anew."""


@dataclass(frozen=True)
class IdpFiles:
    """The files of a product in one folder; ``map`` is None where there is none."""

    cube: Path
    image: Path
    log: Path
    preview: Path
    map: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        maps = () if self.map is None else (self.map,)
        return iter((self.image, self.log, self.preview, *maps, self.cube))


def idp_name(evidence: Evidence) -> str:
    """Return the name of a product in the archive, without a suffix."""
    return _name(evidence, evidence.code)


def _name(evidence: Evidence, code: str) -> str:
    block = evidence.block
    kind = "OBJ" if evidence.is_object else "SKY"
    return f"MU_{code}_{block.obs_id}_{block.tpl_start}_{block.mode}_{kind}"


def write_files(
    evidence: Evidence, store: Store, folder: Path, log: str, preview: Preview
) -> IdpFiles:
    """Write the files of a product into a folder.

    Parameters
    ----------
    evidence : Evidence
        The product and its block.
    store : Store
        Where the product lies.
    folder : Path
        Gets the files; empty before.
    log : str
        Text of the processing log.
    preview : callable
        Writes the preview image.
    """
    name, image = idp_name(evidence), _name(evidence, IMAGE_CODES[evidence.code])
    exposures = exposure_map(evidence)
    files = IdpFiles(
        folder / f"{name}.fits",
        folder / f"{image}.fits",
        folder / f"{name}_tpl.log",
        folder / f"{name}_tpl.png",
        folder / f"{_name(evidence, MAP_CODE)}.fits" if exposures else None,
    )
    cube = store.absolute(evidence.product.path)
    white = store.absolute(white_light(evidence, store).path)
    copy_revised(white, files.image, _revise_image)
    if exposures and files.map:
        copy_revised(store.absolute(exposures.path), files.map, _revise_map)
    files.log.write_text(log)
    preview(cube, files.preview)
    copy_revised(
        cube, files.cube, lambda unit, words: _revise_cube(evidence, files, unit, words)
    )
    return files


def white_light(evidence: Evidence, store: Store) -> Product:
    """Return the white-light image that was made with a cube.

    Raises
    ------
    ReleaseRefused
        If there is none: the archive wants one.
    """
    for product in evidence.product.job.products:
        if product.tag == "IMAGE_FOV" and product.deleted_at is None:
            header = read_header(store.absolute(product.path))
            if header.get("ESO DRS MUSE FILTER NAME") == "white":
                return product
    raise ReleaseRefused(
        f"{evidence.product.name} of {evidence.block.name} has no white-light image",
        remedy="reduce it with filter=white",
    )


def exposure_map(evidence: Evidence) -> Product | None:
    """Return the map of exposure times that was made with a cube, if any was."""
    for product in evidence.product.job.products:
        if product.tag == "EXPOSURE_MAP" and product.deleted_at is None:
            return product
    return None


def _revise_map(unit: str, words: Keywords) -> Keywords | None:
    """Make an exposure map one of the archive's."""
    if unit:
        return None
    _drop(words)
    words["PRODCATG"] = EXPOSURES
    return words


def _revise_image(unit: str, words: Keywords) -> Keywords | None:
    """Make a reconstructed image one of the archive's white-light images."""
    if not unit:
        _drop(words)
        words["PRODCATG"] = WHITE
        return words
    units = {"DATA": DATA_UNIT, "STAT": STAT_UNIT}
    if unit in units:
        words["BUNIT"] = units[unit]
        return words
    return None


def _revise_cube(
    evidence: Evidence, files: IdpFiles, unit: str, words: Keywords
) -> Keywords | None:
    """Add to a cube's primary header what only the service knows."""
    if unit:
        return None
    _drop(words)
    raws = [m.raw for m in evidence.block.members if m.tag == evidence.exposures]
    words["PRODCATG"] = CUBE
    words.setdefault("RADESYS", words.pop("RADECSYS", "FK5"))
    words["DATE"] = now().strftime("%Y-%m-%dT%H:%M:%S")
    words["PROCSOFT"] = f"phoenix/{__version__}"
    words["PROG_ID"] = evidence.block.prog_id
    words["NCOMBINE"] = len(raws)
    words.setdefault("REFERENC", "")
    obs_ids = sorted({raw.obs_id for raw in raws})
    words.update({f"OBID{n}": obs_id for n, obs_id in enumerate(obs_ids, 1)})
    names = sorted(raw.name.removesuffix(".fz") for raw in raws)
    words.update({f"PROV{n}": name for n, name in enumerate(names, 1)})
    for number, path in enumerate((files.image, files.log, files.preview), 1):
        words[f"ASSON{number}"] = path.name
    for number, path, kind in ((2, files.log, "README"), (3, files.preview, "PREVIEW")):
        words[f"ASSOC{number}"] = f"ANCILLARY.{kind}"
        words[f"ASSOM{number}"] = hashlib.md5(path.read_bytes()).hexdigest()
    if files.map:
        words["ASSON4"] = files.map.name
    return words


def _drop(words: Keywords) -> None:
    """Remove what an archive does not take, and what is written anew."""
    for keyword in [k for k in words if k in FORBIDDEN or NUMBERED.fullmatch(k)]:
        del words[keyword]
