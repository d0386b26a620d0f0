"""The preview image that goes to the archive with a cube (ANCILLARY.PREVIEW)."""

from pathlib import Path

from pipeline.formats.cube import open_cube
from reports.plots import save_image
from reports.summary import white_light


def write_preview(cube: Path, png: Path) -> None:
    """Write the white-light image of a cube as PNG."""
    save_image(white_light(open_cube(cube, "DATACUBE_FINAL")), png)
