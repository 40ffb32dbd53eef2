"""A ranked list from scores: the documents of each query, from the most relevant one on."""

import math
from collections.abc import Mapping

from mediaeval.errors import DatasetError
from submission.kinds import RankKind
from submission.task import Subtask
from submission.wording import quoted_list

RankedRow = tuple[str, int, float]  # document, rank, score


def ranked_list(subtask: Subtask, scores: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[RankedRow, ...]]:
    """Return query → (document, rank, score) rows, as a run of a ranked subtask has them.

    subtask  whose answers are a ranked list
    scores   query → document → how relevant it is, the higher the better

    Scores do not increase; documents with equal scores are in the order of their ids. Ranks begin where the column
    has them begin, and no list is longer than it allows. Raises DatasetError for scores that are not finite numbers,
    and for queries without a document.
    """
    kind = next((column.kind for column in subtask.columns if isinstance(column.kind, RankKind)), None)
    assert kind is not None, f"{subtask.name} is not a ranked list"
    problems = []
    for query, of_query in scores.items():
        if not of_query:
            problems.append(f"{query}: got no document; expected at least one. Score some for every query.")
        if bad := [document for document, score in of_query.items() if not math.isfinite(score)]:
            problems.append(f"{query}: got no finite score for {quoted_list(bad)}; expected numbers. Correct them.")
    if problems:
        raise DatasetError(*problems)
    return {query: _ranked(of_query, kind) for query, of_query in scores.items()}


def _ranked(scores: Mapping[str, float], kind: RankKind) -> tuple[RankedRow, ...]:
    ordered = sorted(scores, key=lambda document: (-scores[document], document))[: kind.most]
    return tuple((document, kind.first + place, float(scores[document])) for place, document in enumerate(ordered))
