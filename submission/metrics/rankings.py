"""Reciprocal rank, precision and nDCG of ranked lists, as `ir_measures` computes them.

A document is relevant if the truth gives it more than 0; that is also its gain in nDCG, whose discount is
1 / log2(place + 1), and whose ideal list is that of the truth. The mean is over the queries of the truth: one without
answers, or without a relevant document, counts 0. Precision at k divides by k, however few documents a list has.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from submission.metrics.sample import Sums, mean_of_counted

if TYPE_CHECKING:
    from submission.metrics.definition import Metric

Ranking = Sequence[tuple[str, int, float]]  # document, rank, score
Relevance = Mapping[str, Mapping[str, int]]  # query → document → relevance


def rankings(metric: Metric, truth: Relevance, answers: Mapping[str, Ranking]) -> Sums:
    """Prepare a metric of ranked lists; its units are the queries of the truth, in their order."""
    import numpy as np

    values = []
    for query, relevance in truth.items():
        gains = gains_in_order(answers.get(query, ()), relevance, metric.ranked_by)[: metric.k]
        if metric.metric == "mrr":
            values.append(next((1 / place for place, gain in enumerate(gains, 1) if gain > 0), 0.0))
        elif metric.metric == "precision-at":
            assert metric.k is not None, "precision is at k"
            values.append(sum(gain > 0 for gain in gains) / metric.k)
        else:
            ideal = _dcg(sorted((max(gain, 0) for gain in relevance.values()), reverse=True)[: metric.k])
            values.append(_dcg(gains) / ideal if ideal else 0.0)
    rows = np.array([(value, 1) for value in values], dtype=float).reshape(-1, 2)
    return Sums(rows, rows, mean_of_counted)


def gains_in_order(ranking: Ranking, relevance: Mapping[str, int], order: str) -> list[int]:
    """Return the relevance of a query's documents from the first place down; `order` as in `Metric`.

    A document that the list has more than once is relevant at none of its places.
    """
    import numpy as np

    documents = [document for document, _, _ in ranking]
    if order == "rank":
        ordered = [document for document, _, _ in sorted(ranking, key=lambda row: row[1])]
    else:
        precision = np.float32 if order == "trec_eval" else np.float64
        with np.errstate(over="ignore"):
            scores = np.array([score for _, _, score in ranking], dtype=np.float64).astype(precision).tolist()
        by_document = sorted(zip(documents, scores, strict=True), reverse=order == "trec_eval")
        ordered = [document for document, _ in sorted(by_document, key=lambda row: -row[1])]
    times = Counter(documents)
    return [max(relevance.get(document, 0), 0) if times[document] == 1 else 0 for document in ordered]


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
