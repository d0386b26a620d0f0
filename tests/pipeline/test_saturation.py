"""Tests of the warnings about saturated exposures."""

from pathlib import Path

import pytest

from pipeline.outputs import Produced
from pipeline.saturation import warn_of_saturation

SHAPE = (1000, 1000)


def product(tag, **counts):
    qc = {f"QC {name.replace('_', ' ')} NSATURATED": n for name, n in counts.items()}
    return Produced(Path(f"{tag}-01.fits"), tag, 1, 1, {**qc, "QC FLAT MASTER MEAN": 5e4})


@pytest.mark.parametrize(
    ("number", "word"), [(1000, None), (1001, "probably"), (10001, "strongly")]
)
def test_how_many_are_saturated_is_told(caplog, number, word):
    warn_of_saturation([product("MASTER_FLAT", FLAT_INPUT2=number, FLAT_INPUT1=3)], SHAPE)
    assert [word in text for text in caplog.messages] == ([True] if word else [])
    assert not word or "MASTER_FLAT-01.fits, QC FLAT INPUT2 NSATURATED" in caplog.text


def test_an_exposure_with_two_products_is_told_once(caplog):
    both = [product(tag, SCIBASIC=5000) for tag in ("OBJECT_RED", "PIXTABLE_OBJECT")]
    warn_of_saturation(both, SHAPE)
    assert len(caplog.messages) == 1
