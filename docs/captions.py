"""What the figures of the recipe pages show; `docs.figures` draws them."""

from pathlib import Path

IMAGES = Path(__file__).parent / "images" / "recipes"

CAPTIONS = {
    "muse_bias": "Master bias and the values in its four quadrants.",
    "muse_dark": "Master dark and its values; pixels flagged as hot are circled.",
    "muse_flat": "Master flat with the traced edges of the slices, and a cut along a row.",
    "muse_wavecal": "Residuals of arc lines around the solution, and their distribution.",
    "muse_lsf": "Line spread function of a slice, and the widths in all slices.",
    "muse_geometry": "Places and angles of the slices, one colour an IFU.",
    "muse_twilight": "White light of sky flats, the smooth cube made of it, their ratio.",
    "muse_scibasic": "Reduced exposure, and the pixels of one slice by wavelength.",
    "muse_standard": "Response of the instrument and transmission of the air.",
    "muse_create_sky": "Spectrum of the sky, and its continuum without the lines.",
    "muse_scipost": "White light of an exposure and the spectrum of a source.",
    "muse_exp_align": "Exposures put on top of each other, and the offsets measured.",
    "muse_exp_combine": "White light of combined exposures and the spectrum of a source.",
}
"""Captions by recipe."""

STEPS = "muse_scipost_"
WITHOUT = ("muse_astrometry",)
"""Recipes without a figure: the steps of muse_scipost, which shows what they do, and that
of star fields, of which the night that is drawn has none that its IFUs can hold."""


def figure_of(recipe: str) -> str | None:
    """Return the figure of a recipe in Markdown, relative to its page."""
    if recipe not in CAPTIONS or not (IMAGES / f"{recipe}.png").exists():
        return None
    return f"![{CAPTIONS[recipe]}](../images/recipes/{recipe}.png)\n\n*{CAPTIONS[recipe]}*"
