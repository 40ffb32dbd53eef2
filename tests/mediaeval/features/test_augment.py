"""Augmented views: equal seeds give equal pictures, and each operation changes something."""

import numpy as np
import pytest

from mediaeval.features.augment import Augmenter
from tests.conftest import picture

pytestmark = pytest.mark.integration


def test_a_view_depends_on_seed_id_and_number_alone():
    image = picture("positive", 3, (120, 90))
    one, other = Augmenter(), Augmenter()
    for number in range(1, 6):
        other.view(image, 1, "something else", number)
    views = {(s, i, v): np.asarray(one.view(image, s, i, v)) for s in (0, 1) for i in ("a", "b") for v in (1, 2)}
    for (seed, image_id, view), pixels in views.items():
        np.testing.assert_array_equal(pixels, np.asarray(other.view(image, seed, image_id, view)))
    assert len({pixels.tobytes() for pixels in views.values()}) == len(views)


def test_crops_keep_most_of_the_picture_and_brightness_varies():
    image = picture("neutral", 4, (200, 150))
    views = [Augmenter().view(image, 0, "a", v) for v in range(1, 60)]
    assert all(160 <= v.width <= 200 and 120 <= v.height <= 150 for v in views)
    means = np.array([np.asarray(v).mean() for v in views])
    assert means.max() - means.min() > 20, "grey levels"


def test_the_smallest_and_the_largest_pictures_have_views():
    assert Augmenter().view(picture("neutral", 5, (1, 1)), 0, "a", 1).size == (1, 1)
    assert max(Augmenter().view(picture("neutral", 5, (2000, 500)), 0, "a", 1).size) <= 640
