"""Ranked lists: the documents of a query, each once, at ranks without gaps, with scores that do not increase."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from submission.kinds import DocumentKind, Kind, RankKind, ScoreKind, Value
from submission.problems import Findings
from submission.task import Subtask

_REMEDIES = {
    "rank-gap": "Number the documents of each query anew, in the order of their scores.",
    "rank-repeated": "Number the documents of each query anew, in the order of their scores.",
    "rank-score-increases": "Sort the documents of each query by their scores, the highest first, and rank them then.",
    "rank-too-many": "Keep the documents with the highest scores.",
    "rank-document-repeated": "Keep the row of each document with its highest score, and rank the others anew.",
}


class RankedLists:
    """The rows of all queries; the ids of rows are the queries.

    Rows of a query need not follow each other, nor be in the order of their ranks.
    """

    def __init__(self, subtask: Subtask, found: Findings):
        self.found = found
        ranks = next(column.kind for column in subtask.columns if isinstance(column.kind, RankKind))
        self.first, self.most = ranks.first, ranks.most
        self.rank, self.document, self.score = (_heading(subtask, kind) for kind in (RankKind, DocumentKind, ScoreKind))
        self.headings = tuple(heading for heading in (self.rank, self.document, self.score) if heading is not None)
        self.rows: dict[str, _List] = {}

    def add(self, numbers: Sequence[int], ids: Sequence[str], values: Mapping[str, Sequence[Value | None]]) -> None:
        """Take rows: their numbers, queries and cells."""
        start, n = 0, len(numbers)
        columns = [values[heading] if heading else None for heading in (self.rank, self.document, self.score)]
        while start < n:  # rows of a query mostly follow each other
            query, end = ids[start], start + 1
            while end < n and ids[end] == query:
                end += 1
            one = self.rows.get(query)
            if one is None:
                one = self.rows[query] = _List()
            one.numbers += numbers[start:end]
            for kept, column in zip((one.ranks, one.documents, one.scores), columns, strict=True):
                if column is not None:
                    kept += column[start:end]
            start = end

    def finish(self) -> None:
        """Report what is wrong with the list of each query; each code counts a query once."""
        expected = {
            "rank-gap": f"the ranks {self.first}, {self.first + 1}, {self.first + 2}, … of each query",
            "rank-repeated": "each rank of a query once",
            "rank-score-increases": "scores that do not increase from one rank to the next",
            "rank-too-many": f"at most {self.most} documents of each query",
            "rank-document-repeated": "each document of a query once",
        }
        for query, one in self.rows.items():
            for code, number in one.faults(self.first, self.most):
                self.found.count(code, number, query, expected[code], _REMEDIES[code], noun="ranked list{s}")


def _heading(subtask: Subtask, kind: type[Kind]) -> str | None:
    """Return the heading of the first column of a kind, None where there is none."""
    return next((column.heading for column in subtask.columns if isinstance(column.kind, kind)), None)


class _List:
    """The rows of one query, in the order of the file; None where a cell cannot be read."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ranks: list[Value | None] = []
        self.documents: list[Value | None] = []
        self.scores: list[Value | None] = []

    def faults(self, first: int, most: int | None) -> list[tuple[str, int]]:
        """Return the codes of what is wrong with the list, each with the number of the row that shows it first."""
        n, ranks, scores = len(self.ranks), self.ranks, self.scores
        found = []
        if most is not None and n > most:
            found.append(("rank-too-many", self.numbers[most]))
        documents = [one for one in self.documents if one is not None]
        if len(set(documents)) < len(documents):
            found.append(("rank-document-repeated", self.numbers[_first_repeated(self.documents)]))
        if ranks != list(range(first, first + n)):  # mostly they are in order
            known = {rank for rank in ranks if rank is not None}
            if len(known) < n - ranks.count(None):
                found.append(("rank-repeated", self.numbers[_first_repeated(ranks)]))
            elif None not in ranks and (missing := set(range(first, first + n)) - known):
                behind = min(rank for rank in known if isinstance(rank, int) and rank > min(missing))
                found.append(("rank-gap", self.numbers[ranks.index(behind)]))
            order = sorted((k for k in range(n) if ranks[k] is not None), key=lambda k: (ranks[k], k))
            scores = [scores[k] for k in order] if scores else []
        else:
            order = list(range(n))
        for place, (above, below) in enumerate(pairwise(scores), 1):
            if above is not None and below is not None and below > above:  # type: ignore[operator]
                found.append(("rank-score-increases", self.numbers[order[place]]))
                break
        return found


def _first_repeated(values: Sequence[Value | None]) -> int:
    """Return the place of the first value that was there before."""
    seen = set()
    for place, value in enumerate(values):
        if value is not None and value in seen:
            return place
        seen.add(value)
    raise AssertionError("no value is repeated")
