"""Plots of a run: training curves and confusion matrices, as SVG files that are identical for equal numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "mediaeval"  # else element ids are random and no two runs give the same bytes
matplotlib.rcParams["svg.fonttype"] = "none"

from matplotlib.figure import Figure  # noqa: E402

_BLUE, _ORANGE, _GREY = "#2f6db3", "#c8641e", "#8a8a8a"


def plot_curves(path: Path, history: Sequence[Mapping[str, Any]], title: str, baselines: dict[str, float]) -> None:
    """Draw loss (training, validation) and validation weighted F1 against epochs.

    `history`: a dict per epoch with `epoch`, `train_loss` and, where there was validation, `val_loss` and `val_f1`.
    `baselines`: name of a constant prediction → its weighted F1, 0..1; the best is drawn as a dashed line.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] + 1 for row in history]
    left.plot(epochs, [row["train_loss"] for row in history], color=_BLUE, label="training")
    if history and history[0].get("val_loss") is not None:
        left.plot(epochs, [row["val_loss"] for row in history], color=_ORANGE, label="validation")
        right.plot(epochs, [row["val_f1"] for row in history], color=_ORANGE, label="validation")
    if baselines:
        best = max(baselines, key=lambda name: baselines[name])
        right.axhline(baselines[best], color=_GREY, linestyle="--", label=f"always {best}")
    left.set(xlabel="epoch", ylabel="loss", title=title)
    right.set(xlabel="epoch", ylabel="weighted F1", ylim=(0, 1))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    _save(figure, path)


def plot_confusion(
    path: Path, truth: np.ndarray, predicted: np.ndarray, labels: list[str], title: str, *, multi_label: bool
) -> None:
    """Draw predictions against the truth; both 0/1, (n_images, n_labels).

    With one label per image: a classes × classes matrix of counts. With several: a row per label with its true and
    false positives, false and true negatives, since several labels have no single matrix.
    """
    truth, predicted = np.asarray(truth, int), np.asarray(predicted, int)
    if not multi_label:
        counts, columns, xlabel = truth.T @ predicted, labels, "predicted"
    else:
        cells = (truth & predicted, ~truth & 1 & predicted, truth & ~predicted, (1 - truth) & (1 - predicted))
        counts = np.column_stack([cell.sum(axis=0) for cell in cells])
        columns, xlabel = ["true pos.", "false pos.", "false neg.", "true neg."], ""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(2.6 + 0.95 * len(columns), 1.6 + 0.42 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel=xlabel, ylabel="" if multi_label else "truth", title=title)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
