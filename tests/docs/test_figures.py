"""Figures of the recipe pages: small, known, shown on their pages."""

import numpy as np
import pytest

from docs import figures
from docs.build import pages
from docs.captions import CAPTIONS, IMAGES, STEPS, WITHOUT
from pipeline.runner import load_recipes

LARGEST = 100_000
"""A page must load quickly [byte]."""
DRAWN = sorted(IMAGES.glob("*.png"))


def test_every_recipe_has_a_caption_and_a_drawing():
    shown = {name for name in load_recipes() if not name.startswith(STEPS)}
    assert shown - set(WITHOUT) <= set(CAPTIONS) == set(figures.DRAWINGS)


@pytest.mark.parametrize("path", DRAWN, ids=[path.stem for path in DRAWN])
def test_figures_are_small_and_shown(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < LARGEST
    assert path.stem in CAPTIONS
    texts = {page.stem: text for page, text in pages().items()}
    if path.stem in texts:
        assert f"](../images/recipes/{path.name})" in texts[path.stem]


def test_a_drawing_becomes_a_small_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "IMAGES", tmp_path)
    noise = np.random.default_rng(1).normal(size=(40, 30))
    with figures.drawing("muse_some") as (left, right):
        figures.image(left, noise, "adu")
        right.plot([1, 2], [3, 4])
    assert 0 < (tmp_path / "muse_some.png").stat().st_size < LARGEST
