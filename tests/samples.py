"""One context of every page, as tests of the pages share them."""

from reports import contexts as c

BITS = (
    c.Bit(1, "CHECK_BKG", "0", "the sky fit made no error", "good"),
    c.Bit(3, "HAS_SKY", "1", "no dedicated sky exposure", "fact"),
    c.Bit(6, "NUM_SAT", "1", "1200 saturated pixels <300 allowed>", "bad"),
)
ASSOCIATION = c.Association(
    "MASTER_FLAT", "FLAT_A", 1, -0.5, 0.7, 0.42, "nearest in time", ("FLAT_B: farther",)
)
ROW = c.ProductRow(
    name="MU_SCBS_1",
    href="products/MU_SCBS_1.html",
    preview="products/MU_SCBS_1.png",
    target="Abell & 478",
    mode="WFM-NOAO-N",
    kind="single object",
    date="2026-09-02",
    exptime_s=600.0,
    n_exposures=2,
    bits=BITS,
    n_red=1,
    n_total=7,
    nearest=(ASSOCIATION,),
    closeness=0.42,
    limiting="MASTER_FLAT",
    status=c.Chip("held", "warn", "since today"),
    reasons=("SATURATION: far too many",),
    links=(c.Link("cube", "../archive/MU_SCBS_1.fits"),),
)
COUNTS = (c.Count("7", "products", "good"),)
PROBLEM = c.Problem("AB_7", c.Chip("failed", "bad"), "frame truncated", "night.html#7")
FACT = c.Fact("NUM_SAT", "1200", "pix", "Saturated pixels", "bad")
PAGES = [
    c.IndexPage("now", (c.MonthLink("2026-09", "month.html", 6, 1),)),
    c.MonthPage(
        "2026-09",
        "now",
        COUNTS,
        (ROW,),
        (PROBLEM,),
        (PROBLEM,),
        (c.NightRow("2026-09-01", "night.html", 20, 9, 7, 1, 1),),
        BITS,
    ),
    c.NightPage(
        "2026-09-01",
        "month.html",
        "now",
        COUNTS,
        (
            c.BlockRow(
                name="AB_1",
                index="7",
                completeness=c.Chip("complete", "good"),
                recipe="muse_bias",
                raw_type="BIAS",
                n_raw=5,
                setup="SCI1.0",
                state=c.Chip("done", "good"),
                duration_s=1.25,
                n_red=1,
                n_total=4,
                certification=c.Chip("AUTO", "good"),
                reason="all well",
                associations=(ASSOCIATION,),
                products=(c.Link("MASTER_BIAS-01.fits", "../x.fits"),),
                calls=(FACT,),
                red_qc=("RON 4.2 above 3.0",),
            ),
        ),
        "before.html",
        "after.html",
    ),
    c.ProductPage(
        ROW,
        "../month.html",
        "now",
        c.Figure("x.png", "white light"),
        (c.Figure("s.svg", "spectrum"),),
        (ASSOCIATION,),
        (FACT,),
        (FACT,),
        (FACT,),
        (FACT,),
        (PROBLEM,),
    ),
]
