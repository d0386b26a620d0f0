"""The recipe chain of the benchmark: which frames each call takes, for both pipelines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from association.classify import classify
from pipeline.formats.headers import read_header
from pipeline.static import static_path

STATICS = (
    "LINE_CATALOG",
    "SKY_LINES",
    "EXTINCT_TABLE",
    "STD_FLUX_TABLE",
    "FILTER_LIST",
    "GEOMETRY_TABLE",
    "ASTROMETRY_WCS",
    "ASTROMETRY_REFERENCE",
    "LSF_PROFILE",
)


@dataclass(frozen=True)
class Call:
    """One call of a recipe: its raw frames, calibrations and options.

    ``per_ifu``: the genuine recipe is called once for each IFU, ours once for all.
    ``label`` tells calls of one recipe apart.
    """

    label: str
    recipe: str
    raw: tuple[str, ...]
    calibrations: tuple[str, ...]
    per_ifu: bool = False
    options: tuple[str, ...] = ()
    n_raw: dict[str, int] = field(default_factory=dict)


MASTERS = ("MASTER_BIAS", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE")
SCIBASIC = (*MASTERS, "GEOMETRY_TABLE", "TWILIGHT_CUBE")
_FLUX = ("EXTINCT_TABLE", "STD_RESPONSE", "STD_TELLURIC")
SCIPOST = (
    *_FLUX,
    "ASTROMETRY_WCS",
    "SKY_LINES",
    "SKY_CONTINUUM",
    "LSF_PROFILE",
    "FILTER_LIST",
)

CHAIN = (
    Call("bias", "muse_bias", ("BIAS",), (), per_ifu=True),
    Call("dark", "muse_dark", ("DARK",), ("MASTER_BIAS",), per_ifu=True),
    Call("flat", "muse_flat", ("FLAT",), ("MASTER_BIAS",), per_ifu=True),
    Call(
        "wavecal",
        "muse_wavecal",
        ("ARC",),
        ("MASTER_BIAS", "TRACE_TABLE", "LINE_CATALOG"),
        per_ifu=True,
    ),
    Call("twilight", "muse_twilight", ("SKYFLAT", "ILLUM"), (*MASTERS, "GEOMETRY_TABLE")),
    Call("scibasic std", "muse_scibasic", ("STD", "ILLUM"), SCIBASIC, per_ifu=True),
    Call("scibasic sky", "muse_scibasic", ("SKY", "ILLUM"), SCIBASIC, per_ifu=True),
    Call("scibasic object", "muse_scibasic", ("OBJECT", "ILLUM"), SCIBASIC, per_ifu=True),
    Call(
        "standard",
        "muse_standard",
        ("PIXTABLE_STD",),
        ("EXTINCT_TABLE", "STD_FLUX_TABLE", "FILTER_LIST"),
    ),
    Call(
        "create_sky",
        "muse_create_sky",
        ("PIXTABLE_SKY",),
        (*_FLUX, "SKY_LINES", "LSF_PROFILE"),
    ),
    Call(
        "scipost",
        "muse_scipost",
        ("PIXTABLE_OBJECT",),
        SCIPOST,
        options=("--skymethod=subtract-model", "--filter=white", "--save=cube,individual"),
        n_raw={"PIXTABLE_OBJECT": 1},
    ),
    Call(
        "scipost 2",
        "muse_scipost",
        ("PIXTABLE_OBJECT",),
        SCIPOST,
        options=("--skymethod=subtract-model", "--filter=white", "--save=cube,individual"),
        n_raw={"PIXTABLE_OBJECT": 2},
    ),
    Call("exp_align", "muse_exp_align", ("IMAGE_FOV",), ()),
    Call(
        "exp_combine",
        "muse_exp_combine",
        ("PIXTABLE_REDUCED",),
        ("OFFSET_LIST", "FILTER_LIST"),
        options=("--filter=white",),
    ),
    Call(  # last, so that the others use the static line spread function
        "lsf", "muse_lsf", ("ARC",), (*MASTERS, "LINE_CATALOG"), per_ifu=True
    ),
)

BESIDE = (
    Call(
        "scibasic astrometry",
        "muse_scibasic",
        ("ASTROMETRY", "ILLUM"),
        SCIBASIC,
        per_ifu=True,
    ),
    Call(
        "astrometry",
        "muse_astrometry",
        ("PIXTABLE_ASTROMETRY",),
        ("ASTROMETRY_REFERENCE", *_FLUX),
        options=("--detsigma=3", "--radius=5"),
    ),
)
"""Calls whose products no other call needs, and that fail on few small IFUs: they hold too
few stars."""


def statics(size_name: str = "full") -> dict[str, list[Path]]:
    """Return the shipped static calibrations by tag."""
    return {tag: [static_path(tag, size_name)] for tag in STATICS}


def raw_frames(folder: Path) -> dict[str, list[Path]]:
    """Return the raw frames of a folder by tag, in order of time."""
    frames: dict[str, list[Path]] = {}
    for path in sorted([*folder.glob("MUSE.*.fits"), *folder.glob("MUSE.*.fits.fz")]):
        tag, _ = classify(read_header(path))
        if tag is not None:
            frames.setdefault(tag, []).append(path)
    return frames


def of_ifu(paths: Iterable[Path], ifu: int) -> list[Path]:
    """Return the products of one IFU (``-NN.fits``) and those that serve all."""
    return [p for p in paths if p.stem[-3:-2] != "-" or p.stem.endswith(f"-{ifu:02d}")]


def take_products(frames: dict[str, list[Path]], folder: Path) -> None:
    """Add the products in a folder to frames by tag.

    They take the place of static calibrations of the same tag, as the SKY_LINES do
    whose fluxes muse_create_sky has measured. Those that are there are not added again.
    """
    products: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.fits")):
        tag = path.stem.split("-")[0].rsplit("_0", 1)[0]
        products.setdefault(tag, []).append(path)
    for tag, paths in products.items():
        before = [] if tag in STATICS else frames.get(tag, [])
        frames[tag] = list(dict.fromkeys((*before, *paths)))


def write_sof(path: Path, lines: Sequence[tuple[Path, str]]) -> Path:
    """Write a set of frames."""
    path.write_text("".join(f"{frame} {tag}\n" for frame, tag in lines))
    return path
