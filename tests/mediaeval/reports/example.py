"""A report as `report.json` holds it, of numbers that are drawn: a subtask of each form, and names that are hostile."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HOSTILE = ("<script>alert(1)</script>", "\"quotes\" & 'more'", "</script><img src=x onerror=alert(2)>", "plain")


def example(n: int = 40, *, n_images: int | None = None, second: bool = True, seed: int = 0) -> dict[str, Any]:
    """Return a report of n images of each subtask, of `n_images` in all."""
    rng = np.random.default_rng(seed)
    n_images = n_images or n + 5
    runs = ["first", "second"][: 1 + second]
    return {
        "format": 1,
        "version": "0.2.0",
        "title": "first & second" if second else "first",
        "anonymous": False,
        "task": {"name": "drawn", "title": "Drawn <b>images</b>"},
        "runs": [
            {
                "name": name,
                "digest": f"{k}" * 64,
                "command": f"mediaeval train all --run {name}",
                "summary": "mobilenet and handcrafted; subtask1: logistic",
                "made_of": [["extractors", "mobilenet (1280), handcrafted (64)"], ["classifier", "logistic"]],
                "proofs": [
                    {"name": "written run file", "passed": True, "text": "18 rows"},
                    {"name": "recomputed", "passed": None, "text": ""},
                ],
            }
            for k, name in enumerate(runs)
        ],
        "images": [
            {"id": f"image-{k:04}", "path": f"devset/images/image-{k:04}.jpg", "gone": None} for k in range(n_images)
        ],
        "sampled": None,
        "subtasks": [
            decisions(rng, n, n_images, second),
            classes(rng, n, n_images, second),
            scores(rng, n, n_images),
            probabilities(rng, n, n_images),
        ],
    }


def drawn_images(folder: Path, n: int, *, side: int = 120, seed: int = 0) -> dict[int, Path]:
    """Draw n images, each of its own colours, and return index → path."""
    rng, paths = np.random.default_rng(seed), {}
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(n):
        corners = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        paths[k] = folder / f"image-{k:04}.jpg"
        Image.fromarray(corners).resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(paths[k])
    return paths


def _rounded(values: Any, digits: int = 7) -> Any:
    if isinstance(values, np.ndarray):
        return [_rounded(value, digits) for value in values.tolist()]
    return [_rounded(v, digits) for v in values] if isinstance(values, list) else float(f"{values:.{digits}g}")


def _subtask(name: str, form: str, labels: list[str], n: int, **rest: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"{name}: {form}",
        "form": form,
        "labels": [{"name": label, "short": label} for label in labels],
        "where": "out of fold",
        "metric": {
            "title": "weighted F1",
            "signature": "f1:weighted|absent:zero",
            "greater_is_better": True,
            "average": "weighted",
        },
        "score": {
            "value": 0.62,
            "interval": [0.55, 0.68],
            "new_set": [0.5, 0.72],
            "n_images": n,
            "n_new": 18,
            "note": None,
        },
        "floors": [
            {"name": "constant: the most common", "value": 0.31, "interval": [0.28, 0.34], "reason": None},
            {"name": "logistic", "value": 0.58, "interval": [0.51, 0.64], "reason": None},
            {"name": "nearest", "value": None, "interval": None, "reason": "the features are gone."},
        ],
        "per_label": [{"label": label, "f1": 0.2 + 0.1 * k, "support": 5 + k} for k, label in enumerate(labels)],
        "thresholds": None,
        "calibration": None,
        "curves": None,
        "confusion": None,
        "cooccurrence": None,
        "prevalence": [
            {
                "label": label,
                "dev": 0.1 + 0.1 * k,
                "predicted_dev": 0.15 + 0.1 * k,
                "predicted_test": 0.2 if k else None,
            }
            for k, label in enumerate(labels)
        ],
        "scatter": None,
        "label_errors": [],
        "duplicates": [],
        "slices": [],
        "flips": None,
        "hard": [0, 1, 2],
        "left_out": [],
    } | rest


def _rows(
    rng: np.random.Generator,
    n: int,
    n_images: int,
    outputs: np.ndarray,
    truth: np.ndarray,
    decided: np.ndarray,
    second: bool,
) -> dict[str, Any]:
    loss = np.abs(outputs - truth).mean(axis=1)
    other = np.clip(outputs + rng.normal(0, 0.2, outputs.shape), 0, 1)
    return {
        "image": list(range(n)),
        "fold": [k % 3 for k in range(n)],
        "truth": truth.tolist(),
        "outputs": _rounded(outputs),
        "decided": decided.tolist(),
        "loss": _rounded(loss, 5),
        "margin": _rounded(rng.normal(0.1, 0.3, n), 5),
        "neighbours": [rng.choice(n_images, 5, replace=False).tolist() for _ in range(n)],
        "second": {"outputs": _rounded(other), "decided": decided.tolist(), "loss": _rounded(loss, 5), "margin": None}
        if second
        else None,
        "disagreement": _rounded(np.abs(outputs - other).mean(axis=1), 5) if second else None,
    }


def _bins(rng: np.random.Generator) -> dict[str, Any]:
    bins = [
        {
            "low": k / 5,
            "high": (k + 1) / 5,
            "mean": k / 5 + 0.1,
            "share": float(np.clip(k / 5 + rng.normal(0.1, 0.1), 0, 1)),
            "n": 8,
        }
        for k in range(5)
    ]
    return {"ece": 0.08, "interval": [0.05, 0.12], "bins": bins}


def _curves(labels: list[str]) -> dict[str, Any]:
    return {
        "labels": [
            {
                "label": label,
                "average_precision": 0.6,
                "prevalence": 0.3,
                "precision_recall": [[0, 1], [0.5, 0.7], [1, 0.3]],
                "auc": 0.75,
                "roc": [[0, 0], [0.2, 0.6], [1, 1]],
            }
            for label in labels
        ]
    }


def decisions(rng: np.random.Generator, n: int, n_images: int, second: bool) -> dict[str, Any]:
    """Labels that are decided for themselves, out of fold each with the threshold of its fold; names are hostile."""
    labels = list(HOSTILE)
    truth = (rng.random((n, len(labels))) < [0.5, 0.3, 0.2, 0.6]).astype(int)
    outputs = np.clip(0.35 * truth + rng.random(truth.shape) * 0.65, 0, 1)
    by_fold = 0.45 + 0.1 * rng.random((3, len(labels)))
    decided = (outputs >= by_fold[np.arange(n) % 3]).astype(int)
    return _subtask(
        "subtask <2>",
        "decisions",
        labels,
        n,
        rows=_rows(rng, n, n_images, outputs, truth, decided, second),
        thresholds={"own": by_fold.mean(axis=0).tolist(), "by_fold": by_fold.tolist(), "fitting": None},
        calibration={
            "all": {"before": _bins(rng), "after": _bins(rng)},
            "labels": [{"label": label, "before": _bins(rng), "after": _bins(rng)} for label in labels],
        },
        curves=_curves(labels),
        cooccurrence={"true": (truth.T @ truth).tolist(), "predicted": (decided.T @ decided).tolist()},
        label_errors=[
            {"image": k, "label": labels[k % 4], "truth": 0, "probability": 0.97, "doubt": 0.9 - k / 50}
            for k in range(6)
        ],
        duplicates=[{"images": [3, 4], "how": "same pixels", "truth": [["plain"], []]}],
        slices=[
            {
                "title": "dark images",
                "kind": "brightness",
                "n": 9,
                "value": 0.4,
                "interval": [0.3, 0.5],
                "rest": 0.65,
                "images": list(range(9)),
            }
        ],
        flips={"difference": 0.021, "interval": [-0.01, 0.05], "p": 0.21, "better": [1, 2, 5], "worse": [7]}
        if second
        else None,
        left_out=[
            {"part": "new_set", "reason": "there are no groups."},
            {"part": "something new", "reason": "it is not known here."},
        ],
    )


def classes(rng: np.random.Generator, n: int, n_images: int, second: bool) -> dict[str, Any]:
    """One of three classes."""
    labels = ["negative", "neutral", "p" + 80 * "o" + "sitive"]
    true = rng.integers(0, 3, n)
    outputs = rng.dirichlet([1, 1, 1], n) * 0.6 + 0.4 * np.eye(3)[true]
    truth, decided = np.eye(3, dtype=int)[true], np.eye(3, dtype=int)[outputs.argmax(axis=1)]
    return _subtask(
        "subtask1",
        "classes",
        labels,
        n,
        rows=_rows(rng, n, n_images, outputs, truth, decided, second),
        confusion={"counts": (truth.T @ decided).tolist()},
        calibration={"all": {"before": _bins(rng), "after": None}, "labels": []},
        curves=_curves(labels),
        left_out=[{"part": "calibration", "reason": "the run has no out-of-fold predictions."}],
    )


def scores(rng: np.random.Generator, n: int, n_images: int) -> dict[str, Any]:
    """Two columns of real numbers."""
    truth = np.round(rng.normal(4, 1.5, (n, 2)), 2)
    outputs = truth * 0.7 + rng.normal(1.2, 0.8, truth.shape)
    rows = _rows(rng, n, n_images, outputs, truth, outputs, second=False) | {"margin": None}
    columns = [
        {
            "label": label,
            "pearson": 0.7,
            "spearman": 0.68,
            "points": [[t, o] for t, o in zip(truth[:, j].tolist(), _rounded(outputs[:, j]), strict=True)],
        }
        for j, label in enumerate(("valence", "arousal"))
    ]
    return _subtask(
        "valence", "scores", ["valence", "arousal"], n, rows=rows, scatter={"columns": columns}, prevalence=[]
    )


def probabilities(rng: np.random.Generator, n: int, n_images: int) -> dict[str, Any]:
    """One probability that is the answer itself."""
    truth = (rng.random((n, 1)) < 0.4).astype(int)
    outputs = np.clip(0.3 * truth + rng.random((n, 1)) * 0.7, 0, 1)
    rows = _rows(rng, n, n_images, outputs, truth, outputs, second=False) | {"margin": None}
    return _subtask("memorable", "probabilities", ["memorable"], n, rows=rows, curves=_curves(["memorable"]))
