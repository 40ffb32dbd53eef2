"""What metrics and kinds of columns are, in words: for `task show` and for the reference."""

from __future__ import annotations

from submission.metrics import Metric
from submission.rules import Rule, SumRule
from submission.wording import both

METRICS = {  # metric → what it is
    "f1": "2 TP / (2 TP + FP + FN)",
    "accuracy": "share of right answers",
    "auc": "area under the ROC curve, ties counting half",
    "ap": "average precision: the area under the steps of the precision-recall curve",
    "eer": "equal error rate: at the threshold where the same share of positives and of negatives is mistaken",
    "mae": "mean absolute error, mean over the columns",
    "rmse": "root of the mean squared error, mean over the columns",
    "spearman": "Spearman's rank correlation, mean over the columns",
    "pearson": "Pearson's correlation, mean over the columns",
    "mrr": "mean over the queries of 1 / rank of the first relevant document",
    "precision-at": "mean over the queries of the share of relevant documents among the first k",
    "ndcg": "normalised discounted cumulative gain, mean over the queries",
}
AVERAGES = {  # average → what is averaged
    "positive": "of the positive class alone",
    "macro": "mean over the labels; of one column of 0 and 1, over these two",
    "micro": "of all cells together",
    "weighted": "mean over the labels, weighted by how many images of the truth have each",
    "samples": "mean over the images",
    "label-macro": "mean over the labels of each one's macro F1 (of its 1 and its 0), weighted by its images",
}
_ABSENT = {"zero": "counts 0", "one": "counts 1", "skip": "is left out"}
_EMPTY = {"one": "counts 1", "zero": "counts 0", "skip": "is left out"}
_MOST_NAMED = 4  # columns


def metric_in_words(metric: Metric) -> str:
    """Return a definition in words: `F1 of the positive class (1) of 'label'`."""
    of = _listed(metric.columns)
    if not metric.average:
        return f"{metric.title} of {of}: {METRICS[metric.metric]}"
    if metric.average == "positive":
        found = f"{metric.title} of the positive class ({metric.positive or '1'}) of {of}"
    else:
        found = f"{metric.title} of {of}: {AVERAGES[metric.average]}"
    if metric.truth:
        found += f", against {_listed(metric.truth)} of the truth"
    if metric.threshold is not None:
        found += f"; from {metric.threshold:g} on an answer is 1"
    if metric.metric == "f1" and metric.average == "samples":
        found += f"; an image without labels in truth and run {_EMPTY[metric.empty]}"
    elif metric.metric == "f1" and metric.average not in ("positive", "micro"):
        found += f"; a label that neither truth nor run has {_ABSENT[metric.absent]}"
    return found


def rule_in_words(rule: Rule) -> str:
    """Return a rule across the columns of a row in words: `'a' + 'b' = 100, within 0.01`."""
    if isinstance(rule, SumRule):
        within = f", within {rule.tolerance:g}" if rule.tolerance else ""
        return f"{' + '.join(map(repr, rule.columns))} = {rule.total:g}{within}"
    return f"{rule.label!r} is {rule.positive} where {rule.probability!r} >= {rule.threshold!r}, and only there"


def _listed(headings: tuple[str, ...]) -> str:
    if len(headings) > _MOST_NAMED:
        return f"{len(headings)} columns, {headings[0]!r} to {headings[-1]!r}"
    return both([repr(heading) for heading in headings])
