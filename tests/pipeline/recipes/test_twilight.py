"""Tests of muse_twilight on mini sky flats with a known field."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from pipeline.algorithms.resample import Method
from pipeline.algorithms.twilight import read_twilight
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryOutputs
from pipeline.recipes.scibasic import ScibasicParams, scibasic
from pipeline.recipes.twilight import TwilightParams, twilight
from pipeline.spec import BadInput, Planes
from tests.pipeline.mini_exposure import calibrations, field, lamp, raw, wavelengths
from tests.pipeline.mini_tables import geometry_table

IFUS = (1, 2)
THROUGHPUT = {1: 1.0, 2: 0.9}


def brightness(x, y):
    """The field: a gentle slope and bowl, x and y in pixels from its middle."""
    return 1 + 1.5e-3 * x - 3e-4 * (y + 6) - 2e-5 * x**2


def sky_flat(ifu, seed, level=8000.0, tag="SKYFLAT"):
    wavelength, _ = wavelengths(ifu=ifu)
    x, y = field(ifu)
    counts = level * THROUGHPUT[ifu] * brightness(x, y) * lamp(wavelength)
    return raw(np.nan_to_num(counts), seed, tag, ifu)


@pytest.fixture(scope="module")
def frames():
    merged = {"SKYFLAT": [sky_flat(ifu, 10 * k + ifu) for k in range(3) for ifu in IFUS]}
    for ifu in IFUS:
        for tag, found in calibrations(ifu).items():
            merged.setdefault(tag, []).extend(found)
    merged["GEOMETRY_TABLE"] = [geometry_table(IFUS)]
    return merged


@pytest.fixture(scope="module")
def out(frames):
    products = MemoryOutputs()
    twilight.run(frames, TwilightParams(), products)
    return products


def positions(product):
    """x and y of the voxels of a plane."""
    header = product.header
    _, ny, nx = product.planes.data.shape
    y, x = np.mgrid[:ny, :nx]
    return header["CRVAL1"] + x, header["CRVAL2"] + y


def test_planes_follow_the_field(out):
    cube = out["TWILIGHT_CUBE"].planes.data
    x, y = positions(out["TWILIGHT_CUBE"])
    expected = brightness(x, y)
    inner = np.s_[2:-2, 3:-3]
    for plane in cube:
        ratio = (plane / expected)[inner]
        assert ratio.std() / ratio.mean() < 0.004


def test_planes_have_mean_one(out):
    cube = out["TWILIGHT_CUBE"].planes.data
    np.testing.assert_allclose(cube[:, :, 2:-2].mean(axis=(1, 2)), 1.0, atol=2e-3)


def test_relative_throughput_of_the_ifus_is_kept(out):
    header = out["TWILIGHT_CUBE"].header
    ratio = header["ESO DRS MUSE FLAT FLUX SKY2"] / header["ESO DRS MUSE FLAT FLUX SKY1"]
    expected = THROUGHPUT[2] * np.mean(
        [brightness(*MINI.slice_centre(2, k)) for k in range(1, 13)]
    )
    expected /= np.mean([brightness(*MINI.slice_centre(1, k)) for k in range(1, 13)])
    assert ratio == pytest.approx(expected, rel=2e-3)


def test_grid_holds_the_field_and_the_wavelengths(out):
    product = out["DATACUBE_SKYFLAT"]
    nz, ny, nx = product.planes.data.shape
    assert (ny, nx) == (12, 61)
    header = product.header
    assert header["CD3_3"] == 250.0 and header["CTYPE3"] == "AWAV"
    assert header["CRVAL3"] + 250.0 * (nz - 1) < MINI.red + 150
    assert np.isfinite(product.planes.data).all()
    assert set(product.images) == {"white"}


def test_variance_of_the_cube_is_that_of_a_mean(out):
    planes = out["DATACUBE_SKYFLAT"].planes
    noise = np.sqrt(planes.stat) / planes.data
    assert 1e-4 < np.median(noise) < 2e-3


def test_qc_is_declared_and_complete(out):
    qc = out["DATACUBE_SKYFLAT"].qc
    assert qc["QC TWILIGHT1 INPUT3 MEDIAN"] > 0
    assert qc["QC TWILIGHT2 MASTER INTFLUX"] > 0
    assert qc["QC TWILIGHT2 INTFLUX"] == pytest.approx(
        out["TWILIGHT_CUBE"].header["ESO DRS MUSE FLAT FLUX SKY2"]
    )
    assert not out["TWILIGHT_CUBE"].qc


def test_science_reduced_with_it_is_flat(out):
    cube = out["TWILIGHT_CUBE"].frame()
    frames = {
        "SKY": [sky_flat(2, 77, level=2000.0, tag="SKY")],
        "TWILIGHT_CUBE": [cube],
        **calibrations(2),
    }
    products = MemoryOutputs()
    scibasic.run(frames, ScibasicParams(skylines="none", saveimage=False), products)
    pixels = products["PIXTABLE_SKY"].pixels
    levels = [np.median(pixels.data[(pixels.origin & 0x3F) == n]) for n in range(1, 13)]
    assert np.std(levels) / np.mean(levels) < 4e-3
    assert read_twilight(cube, 2).flux > 0


def test_cosmic_rays_and_bad_pixels_change_nothing(frames, out):
    hit = {**frames, "SKYFLAT": [*frames["SKYFLAT"]]}
    spoiled = sky_flat(1, 1)
    spoiled.data[500, 120] = 60000
    spoiled.data[501, 121] = 0
    hit["SKYFLAT"][0] = spoiled
    products = MemoryOutputs()
    twilight.run(hit, TwilightParams(combine="average"), products)
    ours, theirs = (o["TWILIGHT_CUBE"].planes.data for o in (products, out))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


@pytest.mark.parametrize("method", get_args(Method))
def test_every_resampling_follows_the_field(frames, method):
    products = MemoryOutputs()
    params = TwilightParams(resample=method, lambdamax=MINI.blue + 520)
    twilight.run(frames, params, products)
    cube = products["TWILIGHT_CUBE"].planes.data
    x, y = positions(products["TWILIGHT_CUBE"])
    inner = np.s_[2:-2, 3:-3]
    for plane in cube:
        ratio = (plane / brightness(x, y))[inner]
        assert ratio.std() / ratio.mean() < (0.02 if method == "lanczos" else 0.006)
    raw_cube = products["DATACUBE_SKYFLAT"].planes
    covered = np.isfinite(raw_cube.data[:, 1:-1, 1:-1]).mean()
    assert covered > (0.6 if method == "lanczos" else 0.9)


def test_cosmic_rays_can_be_found_in_the_cube(frames):
    hit = {**frames, "SKYFLAT": [sky_flat(1, seed) for seed in (1, 11, 21)]}
    for k in range(3):
        hit["SKYFLAT"][k].data[500, 120] = 60000
    found = []
    for sigma in (50.0, 0.0):
        products = MemoryOutputs()
        twilight.run(hit, TwilightParams(crplace="cube", crsigma=sigma), products)
        found.append(products["DATACUBE_SKYFLAT"].planes.data)
    highest = (found[1] / found[0]).max()
    assert highest > 1.02
    assert (found[1] != found[0]).sum() < 20


def test_a_plane_without_light_is_named(frames):
    """Only pixels very near a plane count with lanczos, and the last may have none."""
    with pytest.raises(BadInput, match="no light at"):
        twilight.run(frames, TwilightParams(resample="lanczos"), MemoryOutputs())


# --- vignetting ------------------------------------------------------------------


def lost_light(ifu):
    """Fraction of the lamp's light that misses the lower right corner, by pixel."""
    x, y = field(ifu)
    inside = np.clip(1 - np.hypot((x - 30) / 15, (y + 12) / 5), 0, 1)
    return 0.15 * np.nan_to_num(inside)


@pytest.fixture(scope="module")
def vignetted(frames):
    """Sky flats with vignetted lamp flats, and the mask of the corner."""
    flats = []
    for flat in frames["MASTER_FLAT"]:
        data = flat.planes.data * (1 - lost_light(flat.ifu)).astype(np.float32)
        flats.append(replace(flat, planes=flat.planes._replace(data=data)))
    mask = np.zeros((12, 61), np.float32)
    mask[:4, 46:] = 1
    planes = Planes(mask, np.zeros(mask.shape, np.uint32), mask)
    corner = MemoryImage(planes, {}, "VIGNETTING_MASK", None)
    return {**frames, "MASTER_FLAT": flats, "VIGNETTING_MASK": [corner]}


def corner_error(products):
    """Largest deviation of the white light from the vignetted field in the corner."""
    cube = products["TWILIGHT_CUBE"].planes.data.mean(axis=0)
    x, y = positions(products["TWILIGHT_CUBE"])
    inside = np.clip(1 - np.hypot((x - 30) / 15, (y + 12) / 5), 0, 1)
    ratio = cube / (brightness(x, y) / (1 - 0.15 * inside))
    part = np.s_[:4, 46:-1]
    return np.abs(ratio[part] / np.median(ratio[:, 5:30]) - 1).max()


@pytest.mark.parametrize(
    ("method", "worst"), [("polyfit", 0.006), ("gaussian", 0.05), ("median", 0.05)]
)
def test_vignetting_of_the_lamp_is_taken_out(vignetted, method, worst):
    products = MemoryOutputs()
    options = {"vignsmooth": method, "vignxpar": 3, "vignypar": 3, "vignmaskedges": 0.1}
    twilight.run(vignetted, TwilightParams(**options), products)
    assert corner_error(products) < worst


def illumination(products):
    """White light of the smooth cube times the flux of each IFU, relative to the second."""
    header = products["TWILIGHT_CUBE"].header
    field = products["TWILIGHT_CUBE"].planes.data.mean(axis=0).astype(float)
    fluxes = [header[f"ESO DRS MUSE FLAT FLUX SKY{ifu}"] for ifu in IFUS]
    field[:6] *= fluxes[0] / fluxes[1]
    return field / np.median(field[6:, 3:30])


def test_vignetting_adds_nothing_to_the_rest_of_the_field(vignetted, out):
    """Neither to the flux of its IFU nor to the smooth field beside it."""
    options = {"vignxpar": 3, "vignypar": 3, "vignmaskedges": 0.1}
    part = np.s_[:6, 3:40]
    rest, corner = [], []
    for vignflux in (True, False):
        products = MemoryOutputs()
        twilight.run(vignetted, TwilightParams(vignflux=vignflux, **options), products)
        change = illumination(products) / illumination(out) - 1
        rest.append(np.sqrt(np.mean(change[part] ** 2)))
        corner.append(corner_error(products))
    assert rest[0] < 0.0015 < 0.003 < rest[1]
    assert corner[0] < 0.006 < 0.012 < corner[1]


def test_vignetting_without_a_mask_stays(vignetted):
    products = MemoryOutputs()
    twilight.run({**vignetted, "VIGNETTING_MASK": []}, TwilightParams(), products)
    assert corner_error(products) > 0.055


def test_images_of_the_vignetting_are_kept(vignetted):
    products = MemoryOutputs()
    twilight.run(vignetted, TwilightParams(), products)
    images = products["TWILIGHT_CUBE"].images
    assert list(images) == [
        "white_global_fit",
        "white_div_global",
        "white_div_global_excl_edges",
        "vign_fit",
        "white_cor",
    ]
    assert images["vign_fit"].planes.data.max() > 1.05
    planes = products["TWILIGHT_CUBE"].planes.data
    np.testing.assert_allclose(planes.mean(axis=(1, 2)), 1.0, atol=1e-5)


def test_an_empty_mask_is_refused(vignetted):
    mask = vignetted["VIGNETTING_MASK"][0]
    planes = mask.planes._replace(data=np.zeros_like(mask.planes.data))
    empty = {**vignetted, "VIGNETTING_MASK": [replace(mask, planes=planes)]}
    with pytest.raises(BadInput, match="marks no pixel"):
        twilight.run(empty, TwilightParams(), MemoryOutputs())


def test_the_top_of_the_narrow_field_is_smoothed_by_itself(frames):
    narrow = {**frames, "SKYFLAT": []}
    for frame in frames["SKYFLAT"]:
        header = {**frame.header, "ESO INS MODE": "NFM-AO-N"}
        narrow["SKYFLAT"].append(replace(frame, header=header))
    products = MemoryOutputs()
    twilight.run(narrow, TwilightParams(vignnfmmask=4), products)
    image = products["TWILIGHT_CUBE"].images["vign_fit"]
    assert (image.planes.data <= 1).all() and (image.planes.dq[:-5] != 0).all()
    assert "white_div_global_excl_edges" not in products["TWILIGHT_CUBE"].images


def test_ifu_24_of_the_narrow_field_gets_the_flux_of_its_neighbour():
    narrow = {"GEOMETRY_TABLE": [geometry_table((23, 24))], "SKYFLAT": []}
    for ifu in (23, 24):
        for tag, found in calibrations(ifu).items():
            if tag != "GEOMETRY_TABLE":
                narrow.setdefault(tag, []).extend(found)
        wavelength, _ = wavelengths(ifu=ifu)
        counts = np.nan_to_num((8000.0 if ifu == 23 else 4000.0) * lamp(wavelength))
        narrow["SKYFLAT"] += [
            raw(counts, k, "SKYFLAT", ifu, **{"ESO INS MODE": "NFM-AO-N"}) for k in range(3)
        ]
    products = MemoryOutputs()
    twilight.run(narrow, TwilightParams(vignnfmmask=4), products)
    header = products["TWILIGHT_CUBE"].header
    fluxes = [header[f"ESO DRS MUSE FLAT FLUX SKY{ifu}"] for ifu in (23, 24)]
    assert fluxes[0] == fluxes[1] > 0
    white = products["DATACUBE_SKYFLAT"].images["white"].planes.data
    assert white[-4].mean() == pytest.approx(0.5 * white[3].mean(), rel=0.01)


def test_a_quadrant_without_light_is_refused(frames):
    first, *others = frames["SKYFLAT"]
    port, counts = MINI.quadrants()[2], first.data.copy()
    shape = counts[port.raw_y, port.raw_x].shape
    counts[port.raw_y, port.raw_x] = np.resize(counts[port.raw_y, port.over_x], shape)
    given = {**frames, "SKYFLAT": [replace(first, data=counts), *others]}
    with pytest.raises(BadInput, match="quadrant 3: the quadrant has no light"):
        twilight.run(given, TwilightParams(), MemoryOutputs())


def test_missing_master_is_named(frames):
    missing = {**frames, "MASTER_FLAT": frames["MASTER_FLAT"][:1]}
    with pytest.raises(BadInput, match="no MASTER_FLAT of IFU 2"):
        twilight.run(missing, TwilightParams(), MemoryOutputs())


def test_wavelengths_outside_the_data_are_refused(frames):
    with pytest.raises(BadInput, match="lambdamin"):
        twilight.run(
            frames, TwilightParams(lambdamin=8000.0, lambdamax=9000.0), MemoryOutputs()
        )
