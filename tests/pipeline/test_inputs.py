from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.inputs import Given, frames_of, ifus_present
from pipeline.spec import BadInput, Input, Params, Product, Recipe

RAW = Input("RAW", "raw", n_min=2, raw=True)
MASTER = Input("MASTER", "table", n_max=1)
CURVE = Input("CURVE", "table", n_max=1, per_ifu=False, optional=True)


def recipe(scope):
    product = Product("OUT", "table", "x")
    inputs = (RAW, MASTER, CURVE)
    return Recipe("test", "1", scope, inputs, (product,), (), Params, "", print)


def given(*files):
    declared = {i.tag: i for i in (RAW, MASTER, CURVE)}
    found = []
    for number, (tag, ifus) in enumerate(files):
        name = f"{tag}{number}.fits"
        frames = {i: SimpleNamespace(name=name, ifu=i, header={}) for i in ifus}
        found.append(Given(Path(name), tag, declared[tag], frames))
    return found


GOOD = (
    ("RAW", (1, 2)),
    ("RAW", (1, 2)),
    ("MASTER", (1,)),
    ("MASTER", (2,)),
    ("CURVE", (None,)),
)


def test_each_ifu_gets_its_own_and_the_common_frames():
    frames = frames_of(recipe("ifu"), given(*GOOD), 2)
    assert {tag: [f.name for f in found] for tag, found in frames.items()} == {
        "RAW": ["RAW0.fits", "RAW1.fits"],
        "MASTER": ["MASTER3.fits"],
        "CURVE": ["CURVE4.fits"],
    }
    assert ifus_present(given(*GOOD)) == [1, 2]


def test_reduced_images_are_one_file_per_ifu():
    image = Input("READY", "image", raw=True)
    declared = Recipe(
        "test", "1", "ifu", (image,), (Product("OUT", "table", "x"),), (), Params, "", print
    )
    files = [
        Given(Path(name), "READY", image, {i: SimpleNamespace(name=name, ifu=i, header={})})
        for i, name in ((1, "one.fits"), (2, "two.fits"))
    ]
    assert [f.name for f in frames_of(declared, files, 2)["READY"]] == ["two.fits"]


def test_masters_of_all_ifus_are_not_too_many():
    frames = frames_of(recipe("exposure"), given(*GOOD), None)
    assert len(frames["RAW"]) == 4 and len(frames["MASTER"]) == 2


@pytest.mark.parametrize("ifu", [None, 2])
@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (GOOD[1:], "needs 2 RAW or more of IFU 1?2?, not 1"),
        ([*GOOD, ("MASTER", (2,))], "takes 1 MASTER at most of IFU 2, not 2"),
        ([*GOOD, ("CURVE", (None,))], "takes 1 CURVE at most, not 2"),
        ([f for f in GOOD if f[0] != "MASTER"], "needs 1 MASTER or more, not 0"),
    ],
)
def test_wrong_numbers_are_refused(ifu, files, problem):
    with pytest.raises(BadInput, match=problem):
        frames_of(recipe("exposure"), given(*files), ifu)


def test_what_is_optional_may_be_missing():
    assert frames_of(recipe("ifu"), given(*GOOD[:-1]), 1)["CURVE"] == []


def test_a_master_is_spared_by_the_frames_that_need_none():
    raws = Input("RAW", "raw", raw=True, optional=True)
    ready = Input("READY", "image", raw=True, optional=True)
    master = Input("MASTER", "table", unless="READY")
    product = Product("OUT", "table", "x")
    declared = Recipe(
        "test", "1", "ifu", (raws, ready, master), (product,), (), Params, "", print
    )

    def file(tag):
        frame = SimpleNamespace(name=f"{tag.tag}.fits", ifu=1, header={})
        return Given(Path(frame.name), tag.tag, tag, {1: frame})

    assert frames_of(declared, [file(ready)], 1)["MASTER"] == []
    with pytest.raises(BadInput, match="needs 1 MASTER"):
        frames_of(declared, [file(raws)], 1)


def taken(recipe_tag, **keywords):
    """The frames of a recipe of two raws, a master bias and another master image."""
    tags = {"RAW": RAW, "MASTER_BIAS": Input("MASTER_BIAS", "image")}
    tags["MASTER_DARK"] = Input("MASTER_DARK", "image")
    declared = Recipe(
        "test", "1", "ifu", tuple(tags.values()), (Product("OUT", "table", "x"),), (),
        Params, "", print,
    )  # fmt: skip
    files = []
    for number, tag in enumerate(("RAW", "RAW", "MASTER_BIAS", "MASTER_DARK")):
        header = {"ESO DET BINX": 1, "ESO DET READ CURID": 1, "ESO DET CHIP ID": "psyche"}
        if tag == recipe_tag:
            header.update({f"ESO DET {k}": v for k, v in keywords.items()})
        name = f"{tag}{number}.fits"
        frame = SimpleNamespace(name=name, tag=tag, ifu=1, header=header)
        files.append(Given(Path(name), tag, tags[tag], {1: frame}))
    return frames_of(declared, files, 1)


@pytest.mark.parametrize("tag", ["MASTER_BIAS", "MASTER_DARK"])
def test_another_binning_is_refused(tag):
    with pytest.raises(BadInput, match=rf"{tag}\d\.fits, ESO DET BINX: is 2, but 1"):
        taken(tag, BINX=2)


@pytest.mark.parametrize("keyword", ["READ CURID", "CHIP ID"])
def test_another_setup_of_a_master_is_warned_of(caplog, keyword):
    taken("MASTER_DARK", **{keyword: "other"})
    (text,) = caplog.messages
    assert f"MASTER_DARK3.fits, ESO DET {keyword}: is 'other', but" in text
    assert "in RAW0.fits" in text and "Remedy: " in text
    caplog.clear()
    taken("MASTER_BIAS", **{keyword: "other"})  # is refused where it is used
    assert not caplog.messages
