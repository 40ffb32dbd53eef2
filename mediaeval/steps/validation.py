"""What the validation images of a subtask cannot tell, said wherever their score is shown."""

import numpy as np

from submission.task import Subtask
from submission.wording import both, counted

FEW_IMAGES = 30  # below it, a bootstrap interval of weighted F1 is about as wide as what is between good and useless


def validation_warnings(subtask: Subtask, truth: np.ndarray) -> list[str]:
    """Return a sentence for each reason why a score says little: few images, labels that none of them has.

    truth: 0/1 (n_images, n_labels), of the images that are scored, columns in the order of `subtask.labels`.
    """
    warnings = []
    if len(truth) < FEW_IMAGES:
        are = "is" if len(truth) == 1 else "are"
        warnings.append(
            f"{subtask.name}: {counted(len(truth), 'validation image{s}')} {are} too few to judge by: below "
            f"{FEW_IMAGES}, score and interval say little. Use more images, or a larger share for validation: "
            "--set split.val=0.4."
        )
    absent = [subtask.short(label) for label, n in zip(subtask.labels, truth.sum(axis=0), strict=True) if not n]
    if absent:
        warnings.append(
            f"{subtask.name}: no validation image has the label{'s' if len(absent) > 1 else ''} {both(absent)}: the "
            f"score says nothing about {'them' if len(absent) > 1 else 'it'}."
        )
    return warnings
