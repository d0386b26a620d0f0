"""What a wrong correction of refraction leaves is measured, and corrected if wanted."""

import numpy as np
import pytest

from pipeline.memory import MemoryOutputs
from pipeline.recipes.scipost import scipost
from pipeline.spec import BadInput
from tests.pipeline.sky_pixels import Sky, Star, pixel_tables

STARS = (Star(1.5, 0.1, 3000.0), Star(-2.5, -0.15, 2000.0))
PLAIN = {"skymethod": "none", "save": "cube,individual", "rvcorr": "none"}


@pytest.fixture(scope="module")
def tables():
    """Tables of a sky without refraction: correcting it is wrong."""
    return pixel_tables(Sky(stars=STARS))


def run(tables, **params):
    out = MemoryOutputs()
    scipost.run({"PIXTABLE_OBJECT": tables}, scipost.params(**PLAIN, **params), out)
    return out


def drift(out):
    """How far the brightest star lies apart in the bluest and reddest planes [voxel]."""
    data = out["DATACUBE_FINAL"].planes.data
    places = []
    for planes in (data[5:105], data[-105:-5]):
        image = np.nan_to_num(np.nanmean(planes, axis=0))
        y, x = np.unravel_index(image.argmax(), image.shape)
        rows, columns = np.mgrid[y - 3 : y + 4, x - 3 : x + 4]
        box = image[y - 3 : y + 4, x - 3 : x + 4]
        places.append([(a * box).sum() / box.sum() for a in (columns, rows)])
    return float(np.hypot(*np.subtract(*places)))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_the_drift_that_is_left_is_corrected(tables):
    wrong = run(tables, darcheck="check")
    right = run(tables, darcheck="correct")
    assert drift(wrong) > 0.3
    assert drift(right) < 0.1 * drift(wrong)
    words = wrong.products["PIXTABLE_REDUCED"][0].header
    # against the reference, which lies beyond the red end
    assert words["ESO DRS MUSE PIXTABLE DAR CHECK"] > 0.2 * drift(wrong)
    assert "ESO DRS MUSE PIXTABLE DAR CORR" not in words
    words = right.products["PIXTABLE_REDUCED"][0].header
    assert words["ESO DRS MUSE PIXTABLE DAR CORR"] == 7000.0


def test_a_check_needs_a_reference(tables):
    with pytest.raises(BadInput, match="--lambdaref"):
        run(tables, darcheck="check", lambdaref=-1.0)
