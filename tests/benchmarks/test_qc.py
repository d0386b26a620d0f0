"""QC values that differ are explained by a reason that can fail."""

from pathlib import Path

import pytest
from astropy.io import fits

from benchmarks.qc import families, keywords, main, pairs
from benchmarks.qc_reasons import REASONS, Reason
from pipeline.runner import load_recipes

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences.md"


def product(folder, name, **qc):
    folder.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU()
    for keyword, value in qc.items():
        hdu.header[f"HIERARCH ESO QC {keyword.replace('_', ' ')}"] = value
    hdu.writeto(folder / name)


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: f"{r.call}-{r.keyword}")
def test_reasons_belong_to_a_keyword_and_a_row(reason):
    lines = DIFFERENCES.read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert reason.row in rows
    declared = {q.name for q in load_recipes()[f"muse_{reason.call}"].qc}
    assert f"QC {reason.keyword}" in declared


def test_no_reason_covers_everything():
    for reason in REASONS:
        low, high = reason.ratio
        assert 0 < low <= high < 10
        assert not reason.explains(1e3, 1.0) and not reason.explains(-100.0, 1.0)
        assert not reason.explains(None, 1.0)


def test_bounds_decide():
    ratio = Reason("bias", "A", "row", (0.5, 0.8), middle=(0.6, 0.7))
    assert ratio.explains(0.6, 1.0) and not ratio.explains(0.9, 1.0)
    assert ratio.expects([0.5, 0.65, 0.8]) and not ratio.expects([0.5, 0.5, 0.8])
    near = Reason("bias", "A", "row", apart=0.01)
    assert near.explains(-0.004, 0.005) and not near.explains(0.02, 0.005)
    assert Reason("bias", "A", "row", (0.9, 1.1), either_sign=True).explains(-1.0, 1.0)
    assert Reason("bias", "A", "row", may_lack=True).explains(0, None)
    assert not near.explains(0, None) and not near.explains("a", "b")


def run(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qc", "--folder", str(folder), "bias"])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().out.splitlines()


def test_what_is_not_explained_is_counted(tmp_path, monkeypatch, capsys):
    name = "MASTER_BIAS-01.fits"
    usual = {"BIAS_MASTER1_RON": 3.0, "BIAS_MASTER1_RONERR": 0.1}
    product(tmp_path / "genuine" / "bias", name, **usual)
    mine = {"BIAS_MASTER1_RON": 3.01, "BIAS_MASTER1_RONERR": 0.001}
    product(tmp_path / "ours" / "bias", name, **mine)
    code, lines = run(tmp_path, monkeypatch, capsys)
    assert code == 0 and lines[-1] == "unexplained: 0"
    assert lines[-2] == "bias: 2 keywords, 1 agree within 5%, 1 explained, 0 unexplained"
    assert any(line.endswith("QC RONERR, DCERR") for line in lines)
    more = {"BIAS_MASTER1_RON": 3.5, "BIAS_MASTER1_RONERR": 0.09}
    product(tmp_path / "ours" / "bias", "MASTER_BIAS-02.fits", **more)
    product(tmp_path / "genuine" / "bias", "MASTER_BIAS-02.fits", **usual)
    code, lines = run(tmp_path, monkeypatch, capsys)
    assert code == 1 and lines[-1] == "unexplained: 2"


def test_keywords_of_a_family_share_a_reason(tmp_path):
    for side, value in (("ours", 0.001), ("genuine", 0.1)):
        words = {f"BIAS_MASTER{k}_RONERR": value for k in (1, 2)}
        product(tmp_path / side, "MASTER_BIAS-01.fits", **words)
    sides = [keywords(tmp_path / side) for side in ("ours", "genuine")]
    (family,) = families("bias", pairs(*sides))
    assert len(family.members) == 2 and family.reason is not None
    assert family.differing(0.05) == family.members
    assert family.unexplained(0.05) == []
