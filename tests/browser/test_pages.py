"""The pages in a real browser, opened as files, dark and light."""

import pytest

from reports.plots import save_image
from reports.render import write_page, write_style
from tests.samples import PAGES

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Write every sample page, the product page in its own folder."""
    import numpy as np

    folder = tmp_path_factory.mktemp("site")
    write_style(folder)
    places = ("index.html", "month.html", "night.html", "products/MU_SCBS_1.html")
    for page, place in zip(PAGES, places, strict=True):
        write_page(page, folder / place)
    image = np.arange(600, dtype=np.float32).reshape(20, 30)
    for name in ("MU_SCBS_1.png", "x.png"):
        save_image(image, folder / "products" / name)
    return {place: (folder / place).as_uri() for place in places}


def open_page(browser, url, scheme="light", width=1300):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    errors = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(url)
    return page, errors


@pytest.mark.parametrize("place", ["index.html", "month.html", "night.html"])
def test_page_fits_and_has_no_errors(browser, site, place):
    page, errors = open_page(browser, site[place])
    assert not errors
    assert page.evaluate("document.body.scrollWidth <= window.innerWidth")
    page.close()


def test_score_page_shows_image_and_coloured_bits(browser, site):
    page, _ = open_page(browser, site["month.html"])
    assert page.evaluate("document.querySelector('img.thumb').naturalWidth > 0")
    colours = page.evaluate(
        "[...document.querySelectorAll('td .bit')].map(b => getComputedStyle(b).color)"
    )
    assert len(set(colours)) == 3  # good, fact and bad differ
    assert "bit 6 NUM_SAT" in page.locator("td .bit.bad").get_attribute("title")
    page.close()


def test_links_lead_to_the_product_and_back(browser, site):
    page, _ = open_page(browser, site["month.html"])
    page.click("td.name a")
    assert page.url == site["products/MU_SCBS_1.html"]
    assert page.evaluate("document.querySelector('figure.sky img').naturalWidth > 0")
    page.click("text=month >> nth=0")
    assert page.url == site["month.html"]
    page.close()


def test_dark_and_light_are_legible(browser, site):
    def luminance(scheme, script):
        page, _ = open_page(browser, site["month.html"], scheme)
        rgb = page.evaluate(f"getComputedStyle(document.body).{script}")
        page.close()
        red, green, blue = (int(v) for v in rgb[4:-1].split(",")[:3])
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert luminance("light", "backgroundColor") - luminance("light", "color") > 150
    assert luminance("dark", "color") - luminance("dark", "backgroundColor") > 150


def test_narrow_screen_scrolls_only_inside_tables(browser, site):
    page, _ = open_page(browser, site["month.html"], width=480)
    assert page.evaluate("document.documentElement.scrollWidth <= 480")
    page.close()
