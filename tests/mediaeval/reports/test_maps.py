"""What a system looks at, beside the images of a report."""

from types import SimpleNamespace

import numpy as np
import pytest

from mediaeval.finetune.pixels import centre_crop
from mediaeval.reports.maps import SIDE, labels_to_explain, system_maps
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.mediaeval.interpret.test_explain import SQUASHED, built, photograph

pytestmark = pytest.mark.integration


def test_maps_are_of_labels_that_are_wrong_first():
    subtask = {
        "labels": [{"name": name} for name in "abcd"],
        "hard": [7, 5],
        "rows": {"image": [5, 7], "decided": [[1, 1, 0, 0], [1, 0, 1, 0]], "truth": [[1, 0, 1, 0], [1, 1, 1, 0]]},
    }
    assert labels_to_explain(subtask) == {7: ["b", "a"], 5: ["b", "c"]}


def test_a_map_is_a_small_picture_with_heat_where_the_label_is(tmp_path):
    photograph((600, 400), (0.1, 0.1, 0.3, 0.4)).save(tmp_path / "red.png")
    (tmp_path / "gone.png").write_bytes(b"nonsense")
    subtask = VISUAL_SENTIMENT_2021["subtask1"]
    network = built(SQUASHED)
    system = SimpleNamespace(built=network, blocks={}, pixels=lambda image: centre_crop(network.view, image))
    dataset = SimpleNamespace(image_paths={name: tmp_path / f"{name}.png" for name in ("red", "gone")})
    opened = SimpleNamespace(run=None, subtask=subtask, system=system)
    label = subtask.labels[0]
    found = system_maps(opened, dataset, {3: "red", 4: "gone"}, {3: [label], 4: [label]})
    assert found.keys() == {3}
    ((name, picture),) = found[3]
    assert name == subtask.short(label) and picture.size == (SIDE, SIDE * 2 // 3)
    pixels = np.asarray(picture).astype(int)
    yellow = pixels[..., 0] + pixels[..., 1] - pixels[..., 2] > 300
    y, x = np.nonzero(yellow)
    assert 0.1 < x.mean() / SIDE < 0.3 and 0.1 < y.mean() / picture.height < 0.4
