import numpy as np
from astropy.io import fits

from pipeline.instrument import SIZES
from pipeline.static import static_path
from qc.process import OH_FREE


def test_no_sky_line_lies_in_the_windows_of_the_snr_check() -> None:
    with fits.open(static_path("SKY_LINES")) as hdus:
        wavelength = np.asarray(hdus["LINES"].data["lambda"])
    for low, high in OH_FREE:
        assert high - low == 100.0
        assert not np.any((wavelength > low) & (wavelength < high))
        assert all(size.blue < low and high < size.red for size in SIZES.values())
