"""What a product says about its origin: inherited keywords, recipe, inputs, parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline import __version__
from pipeline.formats.cards import Keywords
from pipeline.formats.headers import data_md5
from pipeline.inputs import Given
from pipeline.spec import Frame, Product, Recipe, Value

_NOT_INHERITED = re.compile(
    r"ESO (PRO|QC|DPR) .*|ESO DRS MUSE OVSC.*|"
    r"ESO DET OUT\d (PRSC|OVSC)[XY]|EXTNAME|INHERIT|BUNIT|HDU.*|"
    r"DATAMD5|PIPEFILE|DATE|ORIGFILE|"
    r"(SCI|ERR|QUAL)DATA|QUALMASK|CHECKSUM|DATASUM|"
    r"WCSAXES|(CTYPE|CRVAL|CRPIX|CUNIT|CDELT|CRDER|CSYER)\d|(CD|PC)\d_\d"
)
_OF_PIXEL_TABLES = "ESO DRS MUSE PIXTABLE "


@dataclass(frozen=True)
class Origin:
    """What the products of one recipe call share."""

    recipe: Recipe
    params: Mapping[str, Value]
    defaults: Mapping[str, Value]
    docs: Mapping[str, str]
    given: Sequence[Given]
    raw: Frame | None

    def keywords(self, product: Product, like: Frame | None, file_name: str) -> Keywords:
        """Return the keywords that a product starts with.

        Parameters
        ----------
        product
            Its declaration.
        like
            The input whose keywords it inherits; the first raw frame if None.
        file_name
            Name of the product file.
        """
        words = self._inherited(product, like or self.raw)
        _put(words, "PIPEFILE", file_name, "Filename of data product")
        if not _of_one_exposure(product):
            _put(words, "DATAMD5", "0" * 32, "MD5 checksum")
        _put(words, "ESO PRO ANCESTOR", self._ancestor(like or self.raw), "")
        _put(words, "ESO PRO DID", "PRO-1.16", "Data dictionary for PRO")
        _put(words, "ESO PRO CATG", product.tag, "Category of pipeline product frame")
        _put(words, "ESO PRO TYPE", "REDUCED", "Product type")
        _put(words, "ESO PRO TECH", "IFU", "Observation technique")
        science = product.kind == "cube" and product.tag == "DATACUBE_FINAL"
        _put(words, "ESO PRO SCIENCE", science, "Scientific product if T")
        self._put_recipe(words)
        self._put_inputs(words)
        self._put_params(words)
        return words

    def _inherited(self, product: Product, like: Frame | None) -> Keywords:
        """Return keywords of the input that also hold for its product."""
        words = Keywords(like.header if like else {})
        for keyword in list(words):
            of_pixels = keyword.startswith(_OF_PIXEL_TABLES) and product.kind != "pixels"
            if of_pixels or _NOT_INHERITED.fullmatch(keyword):
                del words[keyword]
        return words

    def _ancestor(self, like: Frame | None) -> str:
        """Return the archive name of the first raw file behind the product."""
        if like is None:
            return ""
        header = like.header
        return str(header.get("ESO PRO ANCESTOR") or header.get("ARCFILE") or like.name)

    def _put_recipe(self, words: Keywords) -> None:
        """Add recipe and program; the genuine pipeline looks for "muse" in PIPE ID."""
        program = f"phoenix-{__version__}"
        _put(words, "ESO PRO REC1 ID", self.recipe.name, "Pipeline recipe identifier")
        _put(words, "ESO PRO REC1 DRS ID", program, "Data Reduction System identifier")
        version = f"phoenix-muse/{__version__} recipe {self.recipe.version}"
        _put(words, "ESO PRO REC1 PIPE ID", version, "Pipeline (unique) identifier")

    def _put_inputs(self, words: Keywords) -> None:
        """Add the raw frames, then the calibrations with the MD5 of their data."""
        raws = [g for g in self.given if g.declared.raw]
        for i, g in enumerate(raws, 1):
            _put(words, f"ESO PRO REC1 RAW{i} NAME", g.path.name, "File name of raw frame")
            _put(words, f"ESO PRO REC1 RAW{i} CATG", g.tag, "Category of raw frame")
        calibrations = [g for g in self.given if not g.declared.raw]
        for i, g in enumerate(calibrations, 1):
            name = f"ESO PRO REC1 CAL{i}"
            _put(words, f"{name} NAME", g.path.name, "File name of calibration frame")
            _put(words, f"{name} CATG", g.tag, "Category of calibration frame")
            _put(words, f"{name} DATAMD5", data_md5(g.path), "MD5 of calibration frame")
        _put(words, "ESO PRO DATANCOM", len(raws), "Number of combined frames")

    def _put_params(self, words: Keywords) -> None:
        """Add the parameters, as text."""
        for i, (name, value) in enumerate(self.params.items(), 1):
            key = f"ESO PRO REC1 PARAM{i}"
            _put(words, f"{key} NAME", name, self.docs.get(name, ""))
            default = f"Default: {as_text(self.defaults.get(name, ''))}"
            _put(words, f"{key} VALUE", as_text(value), default)


def as_text(value: Value) -> str:
    """Return a parameter as the genuine pipeline writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _of_one_exposure(product: Product) -> bool:
    """Tell whether a product is the pixels of an exposure, on their way to the next recipe.

    They are its raw frames; the MD5 of their data stands in no other product, and would
    cost more than their reduction.
    """
    return product.kind == "pixels" or (product.kind == "image" and product.numbered)


def _put(words: Keywords, keyword: str, value: Value, comment: str) -> None:
    """Set a keyword and its comment."""
    words[keyword] = value
    if comment:
        words.comments[keyword] = comment


def file_name(product: Product, number: int | None, ifu: int | None) -> str:
    """Return the name of a product file, as the genuine pipeline names it.

    Raises
    ------
    ValueError
        If a numbered product has no number or the other way round.
    """
    if product.numbered != (number is not None):
        raise ValueError(f"{product.tag} has number {number} against its declaration")
    middle = f"_{number:04d}" if number is not None else ""
    return f"{product.tag}{middle}{f'-{ifu:02d}' if ifu is not None else ''}.fits"
