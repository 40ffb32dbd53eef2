"""A metric as a task defines it: not a name alone, since one run has several weighted F1.

>>> Metric("f1", average="weighted", columns=("T1",)).signature
'f1|average:weighted|absent:zero|columns:T1|v:1'
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

VERSION = 1  # of the definitions; raised when numbers change


@dataclass(frozen=True)
class Measure:
    """What is true of a metric whatever its definition.

    title      in tables
    types      of the columns that it reads; the first of them that a subtask has is the default
    averages   that it may have: see `averages`; none where it has one meaning
    lowest     the worst value; None: the bounds of its columns give it
    highest    the best value
    options    further keys of its definition
    """

    title: str
    types: tuple[str, ...]
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lowest: float | None = 0.0
    highest: float = 1.0
    options: tuple[str, ...] = ()


_DECISIONS = ("label", "flag", "set", "probability", "score")
_NUMBERS = ("score", "probability")
_CURVE_AVERAGES = {"one": ("positive",), "several": ("macro", "micro", "weighted")}


def _curve(title: str, lowest: float, highest: float) -> Measure:
    return Measure(title, ("probability", "score"), _CURVE_AVERAGES, lowest, highest, ("positive", "truth"))


MEASURES = {
    "f1": Measure(
        "F1",
        _DECISIONS,
        {
            "label": ("weighted", "macro", "micro", "positive"),
            "set": ("samples", "macro", "micro", "weighted"),
            "one": ("positive", "macro", "micro", "weighted", "label-macro"),
            "several": ("weighted", "macro", "micro", "samples", "label-macro"),
        },
        options=("absent", "empty", "positive", "threshold"),
    ),
    "accuracy": Measure(
        "accuracy",
        _DECISIONS,
        {"label": ("samples",), "set": ("samples",), "one": ("samples",), "several": ("micro", "samples")},
        options=("threshold",),
    ),
    "auc": _curve("AUC", 0.0, 1.0),
    "ap": _curve("AP", 0.0, 1.0),
    "eer": _curve("EER", 1.0, 0.0),
    "mae": Measure("MAE", _NUMBERS, lowest=None, highest=0.0),
    "rmse": Measure("RMSE", _NUMBERS, lowest=None, highest=0.0),
    "spearman": Measure("Spearman", _NUMBERS, lowest=-1.0),
    "pearson": Measure("Pearson", _NUMBERS, lowest=-1.0),
    "mrr": Measure("MRR", ("document",), options=("k", "order")),
    "precision-at": Measure("P", ("document",), options=("k", "order")),
    "ndcg": Measure("nDCG", ("document",), options=("k", "order")),
}


def averages(metric: str, types: Collection[str], n_columns: int) -> tuple[str, ...]:
    """Return the averages of a metric of columns of these types, the default first; none where it has one meaning."""
    found = MEASURES[metric].averages
    kind = next((kind for kind in ("label", "set") if kind in types), "one" if n_columns == 1 else "several")
    return found.get(kind, ())


ABSENT = ("zero", "one", "skip")
EMPTY = ("one", "zero", "skip")
ORDERS = ("trec_eval", "msmarco", "rank")


@dataclass(frozen=True)
class Metric:
    """One definition. Values are 0..1 or, for correlations, −1..1; errors are in the units of their columns.

    metric     f1       2 tp / (2 tp + fp + fn)
               accuracy share of images (average "samples") or of cells ("micro") that are right
               auc, ap  area under the ROC, ties counting half; average precision, a step for each distinct score
               eer      where the false positive rate equals the false negative rate, on the ROC with straight lines
                        between its points
               mae, rmse, spearman, pearson   mean over the columns of each column's own
               mrr, precision-at, ndcg        mean over the queries of the truth; up to place k
    average    positive     of the one positive class
               macro        mean over labels (or columns)
               weighted     mean over labels, weighted by how many images of the truth have the label
               micro        of all cells together
               samples      mean over images
               label-macro  mean over labels of the mean of a label's F1 as 1 and as 0, weighted as in "weighted"
    columns    headings that it reads, as in the task
    truth      headings of the truth where others than `columns`: the labels beside a probability
    positive   name or value of the positive class; None: 1
    absent     what F1 a label counts that is neither in the truth nor in the answers: zero, one, or skip (it is left
               out of the mean; 0 where no label is left)
    empty      of "samples": what an image counts whose truth and answer are both empty, one or zero; skip: images
               whose truth is empty are left out
    k          places of a ranked list that count; None: all
    threshold  a probability of at least this is a 1; None: the columns hold decisions
    order      of a ranked list: "trec_eval" (highest score first, as 32-bit numbers, ties by document id from z to
               a), "msmarco" (64-bit numbers, ties from a to z), or "rank" (as the file numbers them)
    bounds     lowest and highest value of each column; None where there is none
    name       its key in JSON and leaderboards; empty: made from the definition
    short      its columns in one word, such as T2, for the signature; empty: their headings
    """

    metric: str
    average: str = ""
    columns: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    positive: str | None = None
    absent: str = "zero"
    empty: str = "one"
    k: int | None = None
    threshold: float | None = None
    order: str = ""
    bounds: tuple[tuple[float | None, float | None], ...] = ()
    name: str = ""
    short: str = ""

    @property
    def measure(self) -> Measure:
        """What is true of this metric whatever its definition."""
        return MEASURES[self.metric]

    @property
    def greater_is_better(self) -> bool:
        """Whether a higher value is a better one; not for errors."""
        return self.measure.lowest is not None and self.measure.lowest < self.measure.highest

    @property
    def lowest(self) -> float:
        """The worst value there is; infinite for errors of a column without bounds."""
        if self.measure.lowest is not None:
            return self.measure.lowest
        widths = [math.inf if low is None or high is None else high - low for low, high in self.bounds]
        return sum(widths) / len(widths) if widths else math.inf

    @property
    def key(self) -> str:
        """Its short name, of small letters, digits and _: `f1_weighted`, `mrr_at_10`."""
        average = "" if self.average in ("", "positive", self._plain_average) else "_" + self.average
        at = "" if self.k is None else f"_{self.k}" if self.metric == "precision-at" else f"_at_{self.k}"
        return self.name or f"{self.metric}{average}{at}".replace("-", "_")

    @property
    def title(self) -> str:
        """Its name in tables: `weighted F1`, `MRR@10`."""
        average = "" if self.average in ("", "positive", self._plain_average) else self.average
        at = "" if self.k is None else f"@{self.k}"
        return f"{average.replace('samples', 'per-image')} {self.measure.title}{at}".strip()

    @property
    def signature(self) -> str:
        """Everything that its value depends on, in one line: two metrics that may differ have different ones."""
        parts = [self.metric]
        parts += [f"average:{self.average}"] if self.average else []
        parts += [f"{name}:{_escaped(value)}" for name, value in self._options()]
        parts.append(f"columns:{_escaped(self.short) if self.short else ','.join(map(_escaped, self.columns))}")
        if self.truth:
            parts.append(f"truth:{','.join(map(_escaped, self.truth))}")
        return "|".join([*parts, f"v:{VERSION}"])

    @property
    def _plain_average(self) -> str:
        """The average that goes without saying."""
        return "samples" if self.metric == "accuracy" else ""

    def _options(self) -> list[tuple[str, str]]:
        """Return the keys that matter to this metric, with their values."""
        found = []
        if self.average == "positive":
            found.append(("positive", "1" if self.positive is None else self.positive))
        if self.metric == "f1":
            found.append(("empty", self.empty) if self.average == "samples" else ("absent", self.absent))
        if self.threshold is not None:
            found.append(("threshold", f"{self.threshold:g}"))
        if "k" in self.measure.options:
            found += [("k", "all" if self.k is None else str(self.k)), ("order", self.ranked_by)]
        return found

    @property
    def ranked_by(self) -> str:
        """The order of a ranked list: `order`, or the one by which `ir_measures` computes this metric."""
        return self.order or ("msmarco" if self.metric == "mrr" and self.k is not None else "trec_eval")


def _escaped(text: str) -> str:
    """Return text in which the signs that part a signature are written as in web addresses."""
    return "".join(f"%{ord(sign):02X}" if sign in "|,:%" or not sign.isprintable() else sign for sign in text)
