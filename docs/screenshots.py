"""Take the pictures of the documentation: ``python -m docs.screenshots STORE MONTH``.

Opens the pages of a store in Debian's Chromium (package ``chromium``).
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
VIEW = (1400, 1000)


def main() -> None:
    """Write one picture of each kind of page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("month")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    pages = options.store.resolve() / "pages"
    product = min(pages.glob("products/MU_SCBC_*_OBJ.html"))
    night = sorted(pages.glob(f"night-{options.month}-*.html"))[1]
    shots = {
        "score-page": (pages / f"month-{options.month}.html", "light"),
        "score-page-dark": (pages / f"month-{options.month}.html", "dark"),
        "night-page": (night, "light"),
        "product-page": (product, "dark"),
    }
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        for name, (path, scheme) in shots.items():
            view = {"width": VIEW[0], "height": VIEW[1]}
            page = browser.new_page(viewport=view, color_scheme=scheme)
            page.goto(path.as_uri())
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
