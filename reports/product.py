"""The page of one data product from the catalogue and its cube."""

from datetime import timedelta
from pathlib import Path

from phoenix.archive import MJD_ZERO
from phoenix.db.models import Idp, Product, RawFile, Score
from phoenix.store import Store
from pipeline import __version__
from pipeline.formats.cube import open_cube
from pipeline.formats.image import open_images
from pipeline.spec import BadInput, CubeFrame
from reports.associations import associations, dated
from reports.contexts import Fact, Figure, Link, Problem, ProductPage, ProductRow
from reports.plots import plot_exposures, plot_snr, plot_spectrum, save_image
from reports.score_bits import LEGEND, bits
from reports.states import TONES, chip
from reports.summary import summarise

KINDS = {
    "SCBS": "single object",
    "SCBC": "combined object",
    "SCBX": "sky",
    "SCBD": "deep object",
}
FACTS = {
    "OBJECT": "Target designation",
    "PROG_ID": "Observing run",
    "RA": "Right ascension of the image centre [deg]",
    "DEC": "Declination of the image centre [deg]",
    "DATE-OBS": "Start of the first exposure (UTC)",
    "MJD-OBS": "Start of the first exposure [d]",
    "MJD-END": "End of the last exposure [d]",
    "EXPTIME": "Exposure time of a pixel [s]",
    "TEXPTIME": "Sum of the exposure times [s]",
    "NCOMBINE": "Number of raw science exposures",
    "WAVELMIN": "Shortest wavelength [nm]",
    "WAVELMAX": "Longest wavelength [nm]",
    "SPEC_RES": "Resolving power",
    "SKY_RES": "Image quality, FWHM [arcsec]",
    "SKY_RERR": "Error of the image quality [arcsec]",
    "PIXNOISE": "Noise of a voxel [erg/s/cm**2/Angstrom]",
    "ABMAGLIM": "5 sigma limit of a point source [AB mag]",
    "SPECSYS": "Frame of the wavelengths",
    "PROCSOFT": "Software that made it",
}

IMAGE_CAPTION = "White light; North is up, East left; arcsinh stretch."
SPECTRUM_CAPTION = (
    "Brightest source, aperture of 0.6 arcsec, with its error (variance and noise factor "
    "of the aperture); below, the median of the fainter half of the field."
)
MAP_CAPTION = "Exposure time of every spaxel; North is up, East left."
SNR_CAPTION = (
    "Signal to noise of each spaxel against its signal: with the noise measured in the "
    "data (DER_SNR) and with the one that the variance predicts."
)


def products_folder() -> str:
    """Return the folder of the product pages beside the month's page."""
    return "products"


def _links(idp: Idp, up: str) -> tuple[Link, ...]:
    """Return links to the files of a data product, ``up`` leading to the store."""
    files = (
        ("cube", idp.path),
        ("white light", idp.image_path),
        ("exposure map", idp.map_path),
        ("preview", idp.preview_path),
        ("log", idp.log_path),
    )
    return tuple(Link(label, f"{up}{path}") for label, path in files if path)


def product_row(idp: Idp, up: str = "../") -> ProductRow:
    """Return a data product as a row of the score table."""
    block = idp.block
    tag = "SKY" if idp.code == "SCBX" else "OBJECT"
    raws = [member.raw for member in block.members if member.tag == tag]
    states = {"held": "waits for a person to certify it"}
    return ProductRow(
        name=idp.name,
        href=f"{products_folder()}/{idp.name}.html",
        preview=f"{products_folder()}/{idp.name}.png",
        target=block.target,
        mode=block.mode,
        kind=KINDS.get(idp.code, idp.kind),
        date=_date(raws, block.tpl_start),
        exptime_s=sum(raw.exptime_s for raw in raws),
        n_exposures=len(raws),
        bits=bits(idp.flag, {s.name: s.reason for s in idp.product.scores if s.reason}),
        n_red=idp.n_red,
        n_total=idp.n_total,
        nearest=dated(associations(block)),
        closeness=idp.association_score,
        limiting=idp.association_by,
        status=chip(idp.state, states.get(idp.state, "")),
        reasons=_reasons(idp),
        links=_links(idp, up),
    )


def _reasons(idp: Idp) -> tuple[str, ...]:
    """Return what the validator found, and the red checks that are no bit of the flag."""
    bit_names = {name for name, _, _ in LEGEND}
    red = [s for s in idp.product.scores if s.verdict == "red" and s.name not in bit_names]
    return (*idp.report, *(f"{s.name}: {s.reason}" for s in red))


def _date(raws: list[RawFile], otherwise: str) -> str:
    """Return when a product was observed (UTC), to the minute."""
    if not raws:
        return otherwise[:16].replace("T", " ")
    start = MJD_ZERO + timedelta(days=min(raw.mjd_obs for raw in raws))
    return f"{start:%Y-%m-%d %H:%M}"


def _flag(score: Score) -> Fact:
    value = score.verdict if score.value is None else f"{score.value:.6g}"
    return Fact(score.name, value, "", score.reason, TONES.get(score.verdict, "fact"))


def _qc(product: Product) -> tuple[Fact, ...]:
    """Return the QC1 values of a product."""
    values = (
        (q.name, q.text if q.number is None else f"{q.number:.6g}") for q in product.qc1
    )
    return tuple(Fact(name, value or "") for name, value in values)


def _facts(cube: CubeFrame) -> tuple[Fact, ...]:
    header = cube.header
    return tuple(
        Fact(key, _text(header[key]), "", doc)
        for key, doc in FACTS.items()
        if key in header
    )


def _text(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _provenance(idp: Idp) -> tuple[Fact, ...]:
    """Return the recipe calls behind a product, the last one first."""
    facts = []
    for job in reversed(idp.block.jobs):
        inputs = ", ".join(dict.fromkeys(Path(i.path).name for i in job.inputs))
        title = f"{job.recipe} {job.version}" + (f" IFU {job.ifu}" if job.ifu else "")
        facts.append(Fact(title, f"{job.wall_s:.1f} s", "", inputs))
    return tuple(facts)


def product_page(idp: Idp, store: Store, month_href: str, generated: str) -> ProductPage:
    """Return the context of a product's page and write its figures beside it."""
    folder = store.pages / products_folder()
    folder.mkdir(parents=True, exist_ok=True)
    cube = _cube(idp, store)
    return ProductPage(
        row=product_row(idp, up="../../"),
        month_href=f"../{month_href}",
        generated=generated,
        image=None if cube is None else Figure(f"{idp.name}.png", IMAGE_CAPTION),
        figures=()
        if cube is None
        else (*_figures(cube, folder, idp), *_exposures(idp, store, folder)),
        associations=associations(idp.block),
        flags=tuple(_flag(s) for s in idp.product.scores),
        facts=() if cube is None else _facts(cube),
        qc=_qc(idp.product),
        provenance=_provenance(idp),
        findings=tuple(_finding(text) for text in idp.report),
    )


def _cube(idp: Idp, store: Store) -> CubeFrame | None:
    """Return the cube of a product; None where its file is gone or damaged."""
    try:
        return open_cube(store.absolute(idp.path or idp.product.path), "DATACUBE_FINAL")
    except (BadInput, OSError):
        return None


def _figures(cube: CubeFrame, folder: Path, idp: Idp) -> tuple[Figure, ...]:
    """Write the image and the plots of a cube if it has none yet; return the plots."""
    names = [f"{idp.name}{end}" for end in (".png", "_spectrum.svg", "_snr.svg")]
    image, spectrum, snr = (folder / name for name in names)
    shown = folder / f".{idp.name}.shown"
    now = f"{__version__} {idp.product.datasum}"
    fresh = all(path.exists() for path in (image, spectrum, snr, shown))
    if not fresh or shown.read_text() != now:
        summary = summarise(cube)
        save_image(summary.white, image)
        plot_spectrum(summary, spectrum)
        plot_snr(summary, snr)
        shown.write_text(now)
    return Figure(spectrum.name, SPECTRUM_CAPTION), Figure(snr.name, SNR_CAPTION)


def _exposures(idp: Idp, store: Store, folder: Path) -> tuple[Figure, ...]:
    """Plot the exposure map of a product; empty where its file is gone or damaged."""
    if not idp.map_path:
        return ()
    path = folder / f"{idp.name}_exposures.svg"
    try:
        (found,) = open_images(store.absolute(idp.map_path), "EXPOSURE_MAP").values()
        plot_exposures(found.read(slice(0, found.shape[0])).data, path)
    except (BadInput, OSError):
        return ()
    return (Figure(path.name, MAP_CAPTION),)


def _finding(text: str) -> Problem:
    """Return what the validator found: the place and the problem, and the remedy."""
    problem, _, remedy = text.partition(". Remedy: ")
    return Problem(problem, chip("refused"), remedy)
