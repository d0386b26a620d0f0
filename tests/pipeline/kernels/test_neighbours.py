"""What a pixel is compared with, and by how much it exceeds it, against numpy."""

import numpy as np
import pytest

from pipeline.kernels.neighbours import above_median, float_at_least, half_reach


def exceeds(values, value, sigma, margin):
    """Whether a value is far above the median of others, as it is defined."""
    return value > limit_above(values, sigma, margin)


def limit_above(values, sigma, margin):
    level = float(np.median(values))
    spread = float(np.median(abs(values.astype(float) - level).astype("f4")))
    return level + max(sigma * spread, margin)


@pytest.mark.parametrize("n", [3, 4, 5, 6, 9, 26, 27, 52, 341, 400])
@pytest.mark.parametrize("step", [0.0, 0.25, 2.0])
def test_above_median_equals_its_definition(n, step):
    """Also for equal values, and for values just at the limit or next to it."""
    rng = np.random.default_rng(n)
    answers = []
    for _ in range(200):
        values = rng.normal(5, 3, n).astype("f4")
        if step:
            values = np.round(values / step).astype("f4") * np.float32(step)
        sigma, margin = rng.choice([1.5, 4.0, 10.0]), rng.choice([0.0, 3.0, 20.0])
        limit = np.float32(limit_above(values, sigma, margin))
        for value in (limit, *np.nextafter(limit, np.float32([-9e9, 9e9])), limit + 0.3):
            expected = exceeds(values, float(value), sigma, margin)
            room = np.empty_like(values)
            found = above_median(values.copy(), n, room, float(value), sigma, margin)
            assert found == expected
            answers.append(found)
    assert 200 < sum(answers) < 600


def test_the_mean_of_the_two_middle_deviations_decides():
    """For an even number, half of the deviations may be below the limit, half above."""
    values, room = np.float32([-4, -1, 1, 6]), np.empty(4, "f4")
    assert np.median(abs(values - 0.0)) == 2.5
    for value, expected in ((24.9, False), (25.0, False), (25.1, True)):
        assert above_median(values.copy(), 4, room, value, 10.0, 0.0) == expected


def test_counts_of_half_reach():
    rng = np.random.default_rng(8)
    reached = []
    for n in (1, 2, 7, 30, 333):
        for _ in range(50):
            near = rng.integers(0, 12, n).astype("f4")
            slits = rng.integers(-1, 4, n).astype(np.int32)
            bar, value = rng.choice([4.0, 5.5, 6.0 + 1e-9]), float(rng.integers(0, 12))
            used, others = slits != 2, (slits != 2) & (slits >= 0)
            expected = 2 * (near[used] >= bar).sum() > used.sum()
            found = half_reach(near, slits, n, 2, value, bar)
            assert found == (expected, (near[others] >= value).sum())
            reached.append(expected)
    assert 50 < sum(reached) < 200


def test_float_at_least():
    for value in (0.1, -0.1, 1e-3, 7.0, np.inf):
        found = float_at_least(value)
        assert found >= value and found == np.nextafter(np.float32(value), found)
