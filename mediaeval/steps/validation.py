"""What the validation images of a subtask cannot tell, said wherever their score is shown."""

import numpy as np

from mediaeval.answers.learned import is_numeric
from submission.task import Subtask
from submission.wording import both, counted

FEW_IMAGES = 30  # below it, a bootstrap interval of weighted F1 is about as wide as what is between good and useless


def validation_warnings(subtask: Subtask, truth: np.ndarray, *, n_out_of_fold: int = 0) -> list[str]:
    """Return a sentence for each reason why a score says little: few images, labels that none of them has.

    truth          0/1 or scores (n_images, n_labels) of the images that are scored, columns in the order of the labels
    n_out_of_fold  dev images that have a score, too, which is the one to judge by
    """
    warnings = []
    if n_out_of_fold:
        remedy = "Judge by the out-of-fold score."
        if n_out_of_fold < FEW_IMAGES:
            warnings.append(_too_few(subtask, n_out_of_fold, "dev image{s}", "Use more images."))
    else:
        remedy = "Use more images, or a larger share for validation: --set split.val=0.4."
    if len(truth) < FEW_IMAGES:
        warnings.append(_too_few(subtask, len(truth), "validation image{s}", remedy))
    if is_numeric(subtask):
        return warnings
    absent = [subtask.short(label) for label, n in zip(subtask.labels, truth.sum(axis=0), strict=True) if not n]
    if absent:
        score, them = "the split alone" if n_out_of_fold else "the score", "them" if len(absent) > 1 else "it"
        warnings.append(
            f"{subtask.name}: no validation image has the label{'s' if len(absent) > 1 else ''} {both(absent)}: "
            f"{score} says nothing about {them}."
        )
    return warnings


def _too_few(subtask: Subtask, n_images: int, noun: str, remedy: str) -> str:
    images = f"{counted(n_images, noun)} {'is' if n_images == 1 else 'are'}"
    return f"{subtask.name}: {images} too few to judge by: below {FEW_IMAGES}, score and interval say little. {remedy}"
