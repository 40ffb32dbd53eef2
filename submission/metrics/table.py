"""One table of a task file that defines a metric, and everything that is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from submission.kinds import Column, LabelKind, ScoreKind
from submission.metrics.definition import ABSENT, EMPTY, MEASURES, ORDERS, Metric, averages
from submission.wording import both, counted, either, quoted

KEYS = ("metric", "average", "columns", "truth", "positive", "absent", "empty", "k", "threshold", "order", "name")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


class MetricTable:
    """One table, and what is wrong with it so far."""

    def __init__(self, table: Mapping[str, Any], columns: Sequence[Column], short: str) -> None:
        self.table, self.short = table, short
        self.of = {column.heading: column for column in columns}
        self.problems: list[tuple[str, str]] = []

    def metric(self) -> Metric | None:
        """Return the metric, None if there is a problem."""
        name = self.table.get("metric")
        if not isinstance(name, str) or name not in MEASURES:
            got = "no metric" if name is None else quoted(name)
            self._problem("metric", f"got {got}; expected {either(list(MEASURES))}. Choose one of these.")
            return None
        self.name, self.measure = name, MEASURES[name]
        self._look_for_other_keys()
        columns = self._columns()
        types = {self.of[heading].kind.type for heading in columns}
        truth = self._truth(columns) if "truth" in self.measure.options else ()
        average = self._average(columns, types) if self.measure.averages else ""
        found = Metric(
            name,
            average=average,
            columns=columns,
            truth=truth,
            positive=self._positive(average, truth or columns),
            absent=self._absent(average, types),
            empty=self._one_of("empty", EMPTY, average == "samples", "only average = samples has empty sets"),
            k=self._k(),
            threshold=self._threshold(types),
            order=self._order(types),
            bounds=self._bounds(columns),
            name=self._name(),
            short=self.short if columns == self._default_columns() else "",
        )
        return None if self.problems else found

    def _problem(self, key: str, message: str) -> None:
        self.problems.append((key, message))

    def _look_for_other_keys(self) -> None:
        known = ["metric", "columns", "name", *(["average"] if self.measure.averages else []), *self.measure.options]
        for key in self.table:
            if key not in known:
                why = f"{self.name} has no {key}" if key in KEYS else f"{quoted(key)} is not a key of a metric"
                self._problem(key, f"got {quoted(key)}: {why}; expected {either(known)}. Remove or correct it.")

    def _default_columns(self) -> tuple[str, ...]:
        if "document" in self.measure.types:
            wanted: tuple[str, ...] = ("document", "rank", "score")
        else:
            present = {column.kind.type for column in self.of.values()}
            types = [kind for kind in self.measure.types if kind in present]
            numbers = ("probability", "score")
            if self.table.get("threshold") is not None and "label" in self.measure.types:
                types = [kind for kind in types if kind in numbers]
            wanted = tuple(types[:1])
        return tuple(heading for heading, column in self.of.items() if column.kind.type in wanted)

    def _columns(self) -> tuple[str, ...]:
        """Return the columns that are read: those named, otherwise all of the first type that the metric can read."""
        default = self._default_columns()
        allowed = ("document", "rank", "score") if "document" in self.measure.types else self.measure.types
        fitting = [heading for heading, column in self.of.items() if column.kind.type in allowed]
        if "columns" in self.table:
            named = self._headings("columns", fitting)
        elif not default:
            self._problem(
                "metric",
                f"got {self.name}, and no column that it can read; expected one of type {either(self.measure.types)}. "
                "Choose another metric, or add the column to the subtask.",
            )
            return ()
        else:
            named = default
        types = {self.of[heading].kind.type for heading in named}
        single = types & {"label", "set"}
        if "document" not in self.measure.types and (len(types) > 1 or (single and len(named) > 1)):
            self._problem(
                "columns",
                f"got columns of type {both(sorted(types))} ({', '.join(map(quoted, named))}); expected one "
                'column of labels or one of sets, or several of one other type. Name those: columns = ["…"].',
            )
            return ()
        return named

    def _headings(self, key: str, fitting: Sequence[str]) -> tuple[str, ...]:
        given = self.table[key]
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not names or len(set(map(str, names))) < len(names):
            self._problem(key, f"got {quoted(given)}; expected a list of different headings. Name at least one.")
            return ()
        wrong = [name for name in names if name not in fitting]
        if wrong:
            fits = either(list(map(quoted, fitting[:10]))) or "no column of this subtask"
            what = f"{', '.join(map(quoted, wrong[:5]))}, which {self.name} cannot read"
            self._problem(key, f"got {what}; expected {fits}. Name headings of the subtask of a fitting type.")
            return ()
        return tuple(names)

    def _truth(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of the truth of a curve: those named, those of decisions beside, or none: `columns`."""
        decided = [heading for heading, column in self.of.items() if column.kind.type in ("label", "flag")]
        if "truth" in self.table:
            named = self._headings("truth", decided)
        else:
            named = tuple(decided)
        if columns and named and len(named) != len(columns):
            self._problem(
                "truth",
                f"got {len(columns)} columns of scores and {len(named)} of the truth; expected one of each. Name "
                'them in the same order: columns = ["…"] and truth = ["…"].',
            )
        return named

    def _average(self, columns: Sequence[str], types: set[str]) -> str:
        allowed = averages(self.name, types, len(columns))
        given = self.table.get("average", allowed[0] if allowed else "")
        if columns and allowed and given not in allowed:
            number = counted(len(columns), "column{s}")
            self._problem(
                "average",
                f"got {quoted(given)}; expected {either(allowed)} of {number} of type {both(sorted(types))}. Choose "
                f"one of these, or leave it out, which means {allowed[0]}.",
            )
        return str(given)

    @property
    def _f1(self) -> bool:
        return self.name == "f1"

    def _positive(self, average: str, columns: Sequence[str]) -> str | None:
        given = self.table.get("positive")
        if "positive" not in self.measure.options or not columns:
            return None
        kind = self.of[columns[0]].kind
        classes = kind.labels if isinstance(kind, LabelKind) else ("0", "1")
        needed = isinstance(kind, LabelKind) and (average == "positive" or not self._f1)
        if given is None:
            if needed:
                expected = f"one of {', '.join(map(quoted, classes[:10]))}"
                self._problem("positive", f'got no positive class; expected {expected}. Add positive = "…".')
            return None
        if average != "positive" and not needed:
            self._problem("positive", f"got {quoted(given)} with average = {average}; expected none. Remove it.")
        elif isinstance(given, bool) or str(given) not in classes:
            known = either(list(map(quoted, classes[:10])))
            self._problem("positive", f"got {quoted(given)}; expected {known}. Write it as in the column.")
        return str(given)

    def _one_of(self, key: str, known: Sequence[str], applies: bool, why_not: str) -> str:
        given = self.table.get(key, known[0])
        if key not in self.table or key not in self.measure.options:
            return known[0]
        if not applies:
            self._problem(key, f"got {quoted(given)}: {why_not}; expected no such key. Remove it.")
        elif given not in known:
            self._problem(key, f"got {quoted(given)}; expected {either(known)}. Choose one of these.")
        return str(given)

    def _absent(self, average: str, types: set[str]) -> str:
        if "set" in types:  # whose labels are the items that occur
            self._one_of("absent", ABSENT, False, "no label of a set is absent")
            return "skip" if average == "macro" else "zero"
        absent = self._one_of("absent", ABSENT, average != "samples", "average = samples has `empty`")
        if absent == "skip" and average not in ("macro", "label-macro"):
            self._problem(
                "absent",
                f"got 'skip' with average = {average}; expected zero or one. Only a plain mean leaves out labels.",
            )
        return absent

    def _k(self) -> int | None:
        k = self.table.get("k")
        if "k" not in self.measure.options or (k is None and self.name != "precision-at"):
            return None
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= 1_000_000:
            got = "no k" if k is None else quoted(k)
            self._problem(
                "k", f"got {got}; expected a whole number of at least 1. Write how many places count: k = 10."
            )
            return None
        return k

    def _threshold(self, types: set[str]) -> float | None:
        threshold = self.table.get("threshold")
        if "threshold" not in self.measure.options or not types:
            return None
        numbers = bool(types & {"probability", "score"})
        if threshold is None:
            if numbers:
                self._problem(
                    "threshold",
                    f"got no threshold for columns of type {both(sorted(types))}; expected a number, from which on an "
                    "answer is a 1. Add threshold = 0.5, or name columns of decisions.",
                )
            return None
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
            self._problem("threshold", f"got {quoted(threshold)}; expected a number. Write it without quotes.")
            return None
        if not numbers:
            self._problem("threshold", "got a threshold for columns of decisions; expected none. Remove it.")
        return float(threshold)

    def _order(self, types: set[str]) -> str:
        if "order" not in self.measure.options or not types:
            return ""
        given = self.table.get("order", "" if "score" in types else "rank")
        if given and given not in ORDERS:
            self._problem("order", f"got {quoted(given)}; expected {either(ORDERS)}. Choose one of these.")
        needed = "rank" if given == "rank" else "score"
        if given in ("", *ORDERS) and needed not in types:
            self._problem(
                "order",
                f"got a list ordered by {needed}, and no column of type {needed}; expected one. Add the column to the "
                "subtask, or choose another order.",
            )
        return str(given)

    def _bounds(self, columns: Sequence[str]) -> tuple[tuple[float | None, float | None], ...]:
        if self.name not in ("mae", "rmse", "spearman", "pearson"):
            return ()
        kinds = [self.of[heading].kind for heading in columns]
        return tuple((kind.low, kind.high) for kind in kinds if isinstance(kind, ScoreKind))

    def _name(self) -> str:
        name = self.table.get("name", "")
        if "name" in self.table and not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._problem(
                "name", f'got {quoted(name)}; expected small letters, digits and _, such as "f1_hidden". Rename it.'
            )
        return str(name)
