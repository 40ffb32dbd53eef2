"""Table II of Pournaras et al. 2021 (SMAP): accuracy on image-sentiment sets.

Rows: each feature alone with the small network; all features, with the small network on blocks of unit length, and
with the mixture of experts in two schedules. Columns: the datasets given. Accuracy in per cent, the mean over the
splits of a set. The recipes are fixed, so nothing is chosen on test images; validation parts are not used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.recipes import RECIPES
from mediaeval.config import Config
from mediaeval.errors import WeightsError
from mediaeval.experiments.absent import absent_weights
from mediaeval.experiments.accuracy import majority, mean_accuracy
from mediaeval.experiments.blocks import block_notes, block_settings, stand_ins
from mediaeval.experiments.inputs import Source, TableColumn, load_columns, try_build
from mediaeval.experiments.table import TableCell, TableReport
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.images import Images
from mediaeval.progress import progress

NAME = "smap2021"
PUBLISHED_COLUMNS = ("twitter1-5", "twitter2", "emotionroi", "fi")
SINGLE = {
    "efficientnet_b2": "EfficientNet+NN",
    "resnet152_11k": "Resnet+NN",
    "yt8m": "YT8M+NN",
    "signature": "Signatures+NN",
    "objectgraphs": "GCN+NN",
}
COMBINED = {
    "combination+NN": "smap2021-nn-combined",
    "combination+MoE(1)": "smap2021-moe1",
    "combination+MoE(2)": "smap2021-moe2",
}
# Accuracy in per cent, as published, in the order of PUBLISHED_COLUMNS.
PUBLISHED = {
    "EfficientNet+NN": (91.64, 78.11, 81.99, 84.14),
    "Resnet+NN": (93.11, 80.18, 82.66, 87.29),
    "YT8M+NN": (81.02, 77.34, 75.42, 81.08),
    "Signatures+NN": (91.30, 80.74, 81.65, 86.65),
    "GCN+NN": (90.62, 79.59, 84.18, 87.06),
    "combination+NN": (92.99, 81.81, 84.68, 87.14),
    "combination+MoE(1)": (93.22, 80.93, 84.34, 87.81),
    "combination+MoE(2)": (92.77, 82.99, 83.33, 87.78),
}


@dataclass(frozen=True)
class FeatureRow:
    """One row: the blocks that are concatenated, and the recipe of the classifier that is trained on them."""

    title: str
    blocks: tuple[str, ...]
    recipe: str  # name in RECIPES

    def params(self, epochs: int | None) -> dict:
        """Return the classifier's parameters, with `epochs` in place of the recipe's where given."""
        return RECIPES[self.recipe].params | ({"epochs": epochs} if epochs else {})

    def settings(self, epochs: int | None) -> dict:
        """Return every choice of the row that influences a number, for the report."""
        recipe = RECIPES[self.recipe]
        return {"recipe": self.recipe, "classifier": recipe.classifier, "scale": recipe.scale, **self.params(epochs)}


def rows_of(use: Sequence[str], others: Mapping[str, str] | None = None) -> list[FeatureRow]:
    """Return the rows for these extractors, in the order of the paper.

    `others`: stand-ins by name (see `stand_ins`); the row of one has no name of the paper, and so no published figure.
    """
    titles = SINGLE | {name: f"{name} (stand-in)+NN" for name in others or ()}
    single = [FeatureRow(titles.get(name, f"{name}+NN"), (name,), "smap2021-nn") for name in use]
    return single + [FeatureRow(title, tuple(use), recipe) for title, recipe in COMBINED.items()]


def run(
    config: Config, sources: Sequence[Source], *, device: str = "cpu", epochs: int | None = None, skip_bad: bool = False
) -> TableReport:
    """Train and test every row on every dataset.

    `config` is from `read_settings`. `epochs` replaces the number of every recipe, for a quick look. Rows whose weights
    are absent and datasets that cannot be read give cells without numbers, whose notes say why. Raises WeightsError or
    DatasetError when nothing is left to run.
    """
    use = config.features.use
    networks, absent = try_build(use, config, device)
    if not networks:
        lacking = absent_weights(absent, config)
        raise WeightsError(
            *(f"{name}: {reason}" for name, reason in absent.items() if not lacking.of(name)),
            *lacking.lines(),
            f"No extractor has its weights, so no row can be run. {lacking.remedy()}",
        )
    others = stand_ins(config)
    rows = rows_of(use, others)
    columns, unread = load_columns(sources, config, networks, skip_bad=skip_bad)
    results = []
    for source in sources:
        if source.name in columns:
            results += _column_results(columns[source.name], rows, networks, config, device, epochs, absent, others)
        else:
            note = f"skipped: {unread[source.name]}"
            results.append(TableCell(NAME, "every method", source.name, published=None, note=note))
    about = {s.name: columns[s.name].about if s.name in columns else "not read" for s in sources}
    return TableReport(
        NAME,
        "Table II of Pournaras et al. 2021 (SMAP)",
        "Accuracy in per cent, mean over the splits; the interval is a bootstrap over test images",
        2,
        results,
        about,
        _notes(config, absent, unread, columns, epochs),
        {
            "features": use,
            "seed": config.seed,
            "groups": config.split.groups or "none",
            **block_settings(config, networks),
            **{row.title: row.settings(epochs) for row in rows},
        },
        {name: column.splits for name, column in columns.items()},
    )


def _column_results(
    column: TableColumn,
    rows: list[FeatureRow],
    networks: list[FeatureExtractor],
    config: Config,
    device: str,
    epochs: int | None,
    absent: dict[str, str],
    others: dict[str, str],
) -> list[TableCell]:
    widths = {network.name: network.width for network in networks}
    baseline = majority(column)
    results = []
    with progress(column.name) as advance:
        for done, row in enumerate(rows):
            advance(done, len(rows), row.title)
            published = _published(row.title, column.name)
            if lacking := [name for name in row.blocks if name in absent]:
                note = f"skipped: no weights for {', '.join(lacking)}"
                results.append(TableCell(NAME, row.title, column.name, None, None, None, baseline, published, 0, note))
                continue
            blocks = {name: widths[name] for name in row.blocks}
            note = "; ".join(f"{name} is a stand-in: {others[name]}" for name in row.blocks if name in others)
            tested, hit = evaluate(column, row, blocks, config.seed, device, epochs)
            ours, low, high = mean_accuracy(tested, hit, np.random.default_rng(config.seed))
            n = int(tested.any(axis=1).sum())
            results.append(TableCell(NAME, row.title, column.name, ours, low, high, baseline, published, n, note))
    return results


def evaluate(
    column: TableColumn, row: FeatureRow, blocks: dict[str, int], seed: int, device: str, epochs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Train on each split's training images; return which images were tested and which predictions were right.

    Both bool (n_images, n_splits), rows in the order of `column.labels`. Every split is trained with the same seed, on
    images in the order of their ids: the order of a list is arbitrary, and would change the batches.
    """
    recipe, labels = RECIPES[row.recipe], column.labels
    tested, hit = (np.zeros((len(labels), len(column.splits)), bool) for _ in range(2))
    for k, split in enumerate(column.splits):
        model = SubtaskModel(column.task, recipe.classifier, row.params(epochs), blocks, recipe.scale, seed, device)
        train, test = sorted(split.train), sorted(split.test)
        model.fit(column.features.matrix(list(blocks), train), labels.loc[train])
        probabilities = model.predict_proba(Images(tuple(test), column.paths, column.features))
        right = probabilities.to_numpy().argmax(axis=1) == labels.loc[test].to_numpy().argmax(axis=1)
        places = labels.index.get_indexer(test)
        tested[places, k], hit[places, k] = True, right
    return tested, hit


def _published(row: str, column: str) -> float | None:
    if row not in PUBLISHED or column not in PUBLISHED_COLUMNS:
        return None
    return PUBLISHED[row][PUBLISHED_COLUMNS.index(column)]


def _notes(
    config: Config, absent: dict[str, str], unread: dict[str, str], columns: dict[str, TableColumn], epochs: int | None
) -> list[str]:
    """Return notes on everything in which the table differs from the published one."""
    notes = block_notes(config, absent)
    if epochs:
        notes.append(f"{epochs} epochs in place of every recipe's: the published figures are not comparable")
    notes += [f"rows with {name} skipped: {reason}" for name, reason in absent.items()]
    notes += [line.strip() for line in absent_weights(absent, config).lines()]
    notes += [f"{name} skipped: {reason}" for name, reason in unread.items()]
    asked = {name.partition(":")[0] for name in [*columns, *unread]}
    if others := [name for name in PUBLISHED_COLUMNS if name not in asked]:
        notes.append(f"{', '.join(others)} skipped: no folder given (--dataset NAME=FOLDER)")
    return notes + [f"{column.name}: {note}" for column in columns.values() for note in column.notes]
