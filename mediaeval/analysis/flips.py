"""Two runs side by side: images that one has right and the other has not, and whether the gap is more than noise."""

from typing import Any

import numpy as np

from mediaeval.analysis.judged import JudgedImages
from mediaeval.steps.scoring import compare_answers
from mediaeval.steps.tables import answered

IMAGES = 200  # shown of each


def flips_part(first: JudgedImages, second: JudgedImages, *, seed: int = 0) -> dict[str, Any]:
    """Return the gap of two runs on the same images, first minus second, and the images that they answer otherwise.

    better, worse  images for which the first run gives fewer, or more, wrong answers than the second; those with the
                   largest difference of loss first, at most `IMAGES` of `n_better` and `n_worse`. Of numbers: images
                   whose error differs by more than a tenth of a standard deviation of the truth
    p              of a permutation test, paired, by group
    """
    ids, subtask = list(first.ids), first.subtask
    columns = list(subtask.labels)
    outputs, decided = second.outputs.loc[ids, columns], second.decided.loc[ids, columns]
    runs = {
        "first": answered(subtask, first.outputs, first.decided),
        "second": answered(subtask, outputs, decided),
    }
    groups = None if first.groups is None else list(first.groups)
    found = compare_answers(
        subtask, first.truth.to_numpy(), runs, rng=np.random.default_rng(seed), groups=groups
    ).pairs[0]
    gained = second.losses().loc[ids] - first.losses()
    right = first.right()
    if right is None:
        change = gained.where(gained.abs() > 0.1, 0)
    else:
        change = right.sum(axis=1) - (decided == first.truth).sum(axis=1)
    order = gained.abs().sort_values(ascending=False, kind="stable").index
    return {
        "difference": found.gap,
        "interval": list(found.interval),
        "p": found.p,
        "n_better": int((change > 0).sum()),
        "n_worse": int((change < 0).sum()),
        "better": [image_id for image_id in order if change[image_id] > 0][:IMAGES],
        "worse": [image_id for image_id in order if change[image_id] < 0][:IMAGES],
    }
