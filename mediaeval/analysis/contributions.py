"""What each block of features contributes to an output: the output, less that without the block.

A block is left out by giving each of its features the mean that it has over the training images (mean imputation, as
for the single features in Covert, Lundberg & Lee 2021, "Explaining by removing", section 4). Blocks that say the same
stand in for each other, so that contributions need not add up to the output.
"""

from collections.abc import Mapping

import numpy as np

from mediaeval.classifiers.model import SubtaskModel


def contributions(model: SubtaskModel, X: np.ndarray, mean: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return block → (n_images, n_labels): by how much it raises each probability, -1..1, or score.

    X     features, float32 (n_images, sum of widths), in the order of `model.blocks`
    mean  of the training images, (sum of widths,)
    """
    outputs = model.predict_matrix(X).to_numpy()
    found, start = {}, 0
    for name, width in model.blocks.items():
        without = X.copy()
        without[:, start : start + width] = mean[start : start + width]
        found[name] = outputs - model.predict_matrix(without).to_numpy()
        start += width
    return found
