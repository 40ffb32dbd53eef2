"""The ranks of scored runs: in each subtask, and over all of them by the mean of what ranks in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from submission.desk.measures import Measure, Score
from submission.desk.noise import Rank, p_values, ranks
from submission.desk.scoring import ScoredRun
from submission.wording import printable


@dataclass(frozen=True)
class Entry:
    """A run of a leaderboard: `rank` over all subtasks, `places` in each of those that it answers."""

    run: ScoredRun
    rank: Rank
    places: dict[str, Rank]  # subtask → rank
    mean: float | None = None  # by which it is ranked, where several subtasks are

    @property
    def name(self) -> str:
        """The name of the run file, for people."""
        return printable(str(self.run.report.file))

    @property
    def problems(self) -> str:
        """The kinds of its problems, and how many there are of each: `ids-missing, cell-case 2`."""
        kinds = self.run.kinds_of_problems.items()
        return ", ".join(code if times == 1 else f"{code} {times}" for code, times in kinds)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for `json.dumps`."""
        return {
            "file": str(self.run.report.file),
            "rank": self.rank.place,
            "valid": self.run.valid,
            "scores": {
                key: {"value": score.value, "interval": score.interval} for key, score in self.run.scores.items()
            },
            "problems": [problem.to_dict() for problem in self.run.report.problems],
            **({} if self.mean is None else {"mean": self.mean}),
            "ranks": {subtask: place.place for subtask, place in self.places.items()},
            "answers": {subtask: counts.to_dict() for subtask, counts in self.run.counts.items()},
        }


def ranked(runs: Sequence[ScoredRun], measures: Sequence[Measure]) -> list[Entry]:
    """Return the runs with their ranks, the best first, equal ones in the order given."""
    import numpy as np

    ranking, averaged = ranking_of(measures), averaged_of(measures)
    places: dict[str, list[Rank]] = {}
    for measure in ranking:
        scores = [run.scores.get(measure.key) for run in runs]
        places[measure.subtask.name] = _ranks_of(scores, greater_is_better=measure.greater_is_better)
    means = [_mean(run, averaged) for run in runs]
    greater = ranking[0].greater_is_better
    overall = _ranks_of(means, greater_is_better=greater)
    entries = [
        Entry(
            run,
            rank,
            {one.subtask.name: places[one.subtask.name][k] for one in ranking if one.key in run.scores},
            mean_of(run, measures) if run.scores else None,
        )
        for k, (run, rank) in enumerate(zip(runs, overall, strict=True))
    ]
    worst = -np.inf if greater else np.inf
    by_mean = sorted(range(len(runs)), key=lambda k: one.value if (one := means[k]) else worst, reverse=greater)
    return [entries[k] for k in by_mean]


def mean_of(run: ScoredRun, measures: Sequence[Measure]) -> float | None:
    """Return the mean by which runs are ranked where several subtasks have a score; None for a single one.

    A subtask without an answer counts as the worst there is.
    """
    averaged = averaged_of(measures)
    scores = [run.scores[one.key].value if one.key in run.scores else one.lowest for one in averaged]
    return sum(scores) / len(scores) if len(scores) > 1 else None


def ranking_of(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the measures that rank: the first one of each subtask."""
    return tuple({measure.subtask.name: measure for measure in reversed(measures)}.values())[::-1]


def averaged_of(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the measures whose mean ranks: of each subtask its first; where these have no one direction, the first."""
    ranking = ranking_of(measures)
    return ranking if len({measure.greater_is_better for measure in ranking}) == 1 else ranking[:1]


def _mean(run: ScoredRun, averaged: Sequence[Measure]) -> Score | None:
    """Return the mean of what ranks in each subtask; None for a run that is not scored."""
    import numpy as np

    found = [run.scores.get(measure.key) for measure in averaged]
    groups = next((len(score.shares) for score in found if score), 0)
    if not groups:
        return None
    shares = [
        np.full(groups, measure.lowest / groups) if score is None else score.shares
        for score, measure in zip(found, averaged, strict=True)
    ]
    values = [measure.lowest if score is None else score.value for score, measure in zip(found, averaged, strict=True)]
    value = sum(values) / len(values)
    return Score(value, (value, value), np.mean(shares, axis=0))


def _ranks_of(scores: Sequence[Score | None], *, greater_is_better: bool) -> list[Rank]:
    import numpy as np

    found = [score for score in scores if score]
    p = p_values([score.value for score in found], np.stack([score.shares for score in found], axis=1)) if found else {}
    return ranks([score.value if score else None for score in scores], p, greater_is_better=greater_is_better)
