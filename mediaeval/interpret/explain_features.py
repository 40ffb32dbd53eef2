"""Explaining a run on features: the training images that are nearest to an image, and what each block contributes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from mediaeval.analysis.contributions import contributions
from mediaeval.analysis.judged import load_dev_set
from mediaeval.analysis.neighbours import nearest_of_training
from mediaeval.answers.learned import is_numeric, label_named
from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, read_image
from mediaeval.data.split import read_split
from mediaeval.errors import ImageError, first_few
from mediaeval.interpret.errors import answer_text
from mediaeval.interpret.explain import LIMIT, SHEET
from mediaeval.interpret.inspectable import FeatureRun
from mediaeval.interpret.looked_at import decoded, images_of, told_labels
from mediaeval.interpret.sheet import Cell, contact_sheet, grey_picture, save_picture
from submission.task import Subtask
from submission.wording import counted

logger = logging.getLogger(__name__)

_LEGEND = (
    "First the image, with what each block of features adds to the output; then the nearest training images, the "
    "nearest first, with their labels and the cosine of the features."
)


@dataclass(frozen=True)
class LabelShares:
    """An output of one label: a probability, 0..1, or a score; block → what it adds to it."""

    label: str
    output: float
    predicted: bool
    contributions: dict[str, float]


@dataclass(frozen=True)
class Neighbour:
    """A training image: its labels, short, or numbers, and the cosine of its features with those of the image, -1..1.

    `path`: None where the file is gone.
    """

    id: str
    cosine: float
    truth: tuple[str | float, ...]
    path: str | None


@dataclass(frozen=True)
class ExplainedImage:
    """What is known of one image; `trained_on`: whether an image of the same bytes was trained on."""

    id: str
    trained_on: bool
    labels: tuple[LabelShares, ...]
    neighbours: tuple[Neighbour, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ExplainedFeatures:
    """What was found, and the contact sheet. `left_out`: how many images are beyond the limit."""

    subtask: Subtask
    blocks: Mapping[str, int]  # extractor → width
    images: tuple[ExplainedImage, ...]
    sheet: Path
    left_out: int


def explain_features(
    opened: FeatureRun, source: Path, *, labels: Sequence[str] = (), limit: int = LIMIT, out: Path | None = None
) -> ExplainedFeatures:
    """Explain what a run's split model answers to an image, or to at most `limit` images of a folder.

    labels  whole or short (`Joy`), in any case; without, all classes or numbers, else the three most probable labels
    out     folder for sheet.png; without, `explain` in the subtask's folder of the run

    Raises ConfigError for labels that are not known; DatasetError for a dev set that is gone, whose training images are
    shown; DatasetError, ImageError or FeaturesError, naming all of them, for images that are absent or cannot be
    decoded.
    """
    run, subtask, model = opened.run, opened.subtask, opened.model
    chosen = list(dict.fromkeys(label_named(subtask, name) for name in labels))
    dataset, left_out = images_of(source, run.task, limit)
    pictures = decoded(dataset)
    dev = load_dev_set(run)
    truth = dev.labels(subtask.name)
    sides = read_split(run.folder.split, [i for i in dev.ids if i not in run.manifest.left_out])
    train_ids = tuple(i for i in sides.index if sides[i] == "train" and i not in dev.missing)
    trained = run.images(replace(dev, ids=train_ids, missing=()), skip_bad=True)
    if gone := [i for i in sides.index if sides[i] == "train" and i not in set(trained.ids)]:
        logger.warning(
            f"{counted(len(gone), 'training image{s}')} cannot be read any more ({first_few(gone)}): neighbours, and "
            f"the means that blocks are replaced by, are those of the other {len(trained.ids)}."
        )
    asked = run.images(dataset)
    blocks = list(model.blocks)
    X, Q = trained.matrix(blocks), asked.matrix(blocks)
    nearest = nearest_of_training(X, trained.ids, Q, asked.ids)
    added = contributions(model, Q, X.mean(axis=0))
    outputs = model.predict_matrix(Q).to_numpy()
    seen = {trained.features.contents[i] for i in trained.ids}

    images = []
    for row, image_id in enumerate(asked.ids):
        shares = tuple(
            LabelShares(
                label,
                output,
                predicted,
                {name: float(of_block[row, subtask.labels.index(label)]) for name, of_block in added.items()},
            )
            for label, output, predicted in told_labels(run, subtask, outputs[row], chosen)
        )
        near = tuple(_neighbour(subtask, dev, truth, name, cosine) for name, cosine in nearest[image_id])
        images.append(ExplainedImage(image_id, asked.features.contents[image_id] in seen, shares, near))
    sheet = (out or run.folder.subtask(subtask.name) / "explain") / SHEET
    rows = [_row(subtask, image, pictures[image.id]) for image in images]
    title = f"{run.name}, {subtask.name}, {model.classifier} on {', '.join(blocks)}"
    with run.folder.lock():  # the run may be exchanged for a changed one meanwhile
        save_picture(contact_sheet(rows, title, _LEGEND), sheet)
    return ExplainedFeatures(subtask, dict(model.blocks), tuple(images), sheet, left_out)


def _neighbour(subtask: Subtask, dev: Dataset, truth: pd.DataFrame, image_id: str, cosine: float) -> Neighbour:
    row = truth.loc[image_id, list(subtask.labels)]
    own: tuple[str | float, ...] = tuple(map(float, row))
    if not is_numeric(subtask):
        own = tuple(subtask.short(label) for label in subtask.labels if row[label])
    return Neighbour(image_id, cosine, own, str(dev.image_paths[image_id]))


def _row(subtask: Subtask, image: ExplainedImage, picture: Image.Image) -> list[Cell]:
    """Return the image, with its likeliest output, and its neighbours."""
    top = max(image.labels, key=lambda share: share.output)
    added = ", ".join(f"{name} {value:+.3f}" for name, value in top.contributions.items())
    note = f"{added}; {image.id}{' (trained on)' if image.trained_on else ''}"
    cells = [Cell(picture, f"{subtask.short(top.label)} {top.output:.3f}", note)]
    for one in image.neighbours:
        try:
            near = decode(read_image(Path(one.path or ""))[1], scaled=True)
        except ImageError:  # it was there when its features were computed
            near = grey_picture()
        cells.append(Cell(near, f"{answer_text(one.truth)} ({one.cosine:.2f})", one.id))
    return cells
