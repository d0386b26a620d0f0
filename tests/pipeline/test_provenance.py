"""Which products carry the MD5 of their data."""

import pytest

from pipeline.memory import MemoryImage
from pipeline.provenance import Origin
from pipeline.runner import find_recipe


@pytest.mark.parametrize(
    ("recipe", "tag", "identified"),
    [
        ("muse_bias", "MASTER_BIAS", True),
        ("muse_standard", "STD_RESPONSE", True),
        ("muse_standard", "DATACUBE_STD", True),
        ("muse_scibasic", "PIXTABLE_OBJECT", False),
        ("muse_scibasic", "OBJECT_RED", False),
    ],
)
def test_calibrations_are_identified_but_not_the_pixels_of_exposures(
    recipe, tag, identified
):
    declared = find_recipe(recipe)
    origin = Origin(declared, {}, {}, {}, [], None)
    words = origin.keywords(declared.product(tag), None, "x.fits")
    assert ("DATAMD5" in words) == identified


def test_overscan_of_a_reduced_image_is_not_that_of_its_pixels():
    declared = find_recipe("muse_scibasic")
    own = {"ESO DRS MUSE OVSC1 MEAN": 1000.0, "ESO DRS MUSE FLAT FLUX LAMP": 2.0}
    image = MemoryImage(None, own, "REDUCED")
    origin = Origin(declared, {}, {}, {}, [], image)
    words = origin.keywords(declared.product("PIXTABLE_REDUCED"), image, "x.fits")
    assert "ESO DRS MUSE OVSC1 MEAN" not in words
    assert words["ESO DRS MUSE FLAT FLUX LAMP"] == 2.0
