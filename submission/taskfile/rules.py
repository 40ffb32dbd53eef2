"""The rules of a task file, across the columns of a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from submission.kinds import ConstantKind, FlagKind, Kind, LabelKind, ProbabilityKind, ScoreKind
from submission.rules import Rule, SumRule, ThresholdRule
from submission.taskfile.columns import Columns
from submission.taskfile.problems import Problems
from submission.taskfile.sections import Section
from submission.wording import either, quoted

_YES_NO = (LabelKind, FlagKind)
_NUMBERS = (ScoreKind, ProbabilityKind, FlagKind)


def read_rules(top: Section, columns: Columns, problems: Problems) -> tuple[Rule, ...]:
    """Return the rules of a task file; add everything that is wrong with them."""
    rules: list[Rule] = []
    for section in top.tables["rules"]:
        rule = section.get("rule")
        read = _threshold(section, columns, problems) if rule == "threshold" else None
        read = _sum(section, columns, problems) if rule == "sum" else read
        if isinstance(read, ThresholdRule) and any(
            isinstance(one, ThresholdRule) and one.label == read.label for one in rules
        ):
            problems.add(section.at("label"), f"got {quoted(read.label)} again; expected one threshold rule for it.")
        elif read:
            rules.append(read)
    return tuple(rules)


def _threshold(section: Section, columns: Columns, problems: Problems) -> Rule | None:
    parts: dict[str, tuple[type[Kind], ...]] = {
        "label": _YES_NO,
        "probability": (ScoreKind,),  # a probability is one
        "threshold": (ScoreKind,),
    }
    given = [key for key in parts if key in section]
    right = [key for key in given if _fits(section, key, section.get(key), parts[key], columns, problems)]
    if len(right) < len(parts):
        return None
    names = [section.get(key) for key in parts]
    if len(set(names)) < len(names):
        problems.add(section.place, f"got one column twice ({', '.join(names)}); expected three different ones.")
        return None
    positive = _positive(section, columns.kind(section.get("label")), problems)
    return None if positive is None else ThresholdRule(names[0], names[1], names[2], positive)


def _positive(section: Section, kind: Kind | None, problems: Problems) -> str | int | None:
    """Return the label that says yes, None where it cannot be made out."""
    positive = section.get("positive")
    if not isinstance(kind, LabelKind):
        if positive not in (None, "1"):
            problems.add(
                section.at("positive"), f"got {quoted(positive)}, with a flag; expected none, since 1 says yes."
            )
        return 1
    if len(kind.labels) != 2:
        problem = (
            f"got {quoted(section.get('label'))} with {len(kind.labels)} labels; expected one with two, yes and no."
        )
        problems.add(section.at("label"), problem)
        return None
    if positive in kind.labels:
        return str(positive)
    got = "got no key 'positive'" if positive is None else f"got {quoted(positive)}"
    expected = either([quoted(label) for label in kind.labels])
    problems.add(section.at("positive"), f"{got}; expected the label that says yes: {expected}.")
    return None


def _sum(section: Section, columns: Columns, problems: Problems) -> Rule | None:
    headings: Sequence[str] = section.get("columns", ())
    right = [one for one in headings if _fits(section, "columns", one, _NUMBERS, columns, problems)]
    if not headings or len(right) < len(headings) or "total" not in section:
        return None
    total, tolerance = float(section.get("total")), float(section.get("tolerance", 0))
    bounds = [_bounds(columns.kind(heading)) for heading in headings]
    least, most = _total([low for low, _ in bounds]), _total([high for _, high in bounds])
    if (least is not None and least > total + tolerance) or (most is not None and most < total - tolerance):
        reached = f"at least {least:g}" if least is not None and least > total else f"at most {most:g}"
        problem = f"got {total:g}, but by their bounds the columns sum up to {reached}; expected a total in reach."
        problems.add(section.at("total"), problem)
        return None
    return SumRule(tuple(headings), total, tolerance)


def _total(bounds: Sequence[float | None]) -> float | None:
    """Return the sum of bounds, None where a column has none."""
    known = [bound for bound in bounds if bound is not None]
    return math.fsum(known) if len(known) == len(bounds) else None


def _bounds(kind: Kind | None) -> tuple[float | None, float | None]:
    return (kind.low, kind.high) if isinstance(kind, ScoreKind) else (0.0, 1.0)


def _fits(
    section: Section, key: str, heading: str, kinds: tuple[type[Kind], ...], columns: Columns, problems: Problems
) -> bool:
    """Return whether a column is there and of one of these kinds; add what it is instead."""
    if heading not in columns.names:
        if not columns.complete:
            return False
        problem = f"got {quoted(heading)}; expected the heading of a column."
        problems.add(section.at(key), problem, heading, columns.names)
        return False
    kind = columns.kind(heading)
    inner = kind.kind if isinstance(kind, ConstantKind) and key == "threshold" else kind
    if kind is not None and not isinstance(inner, kinds):
        types = either([one.type for one in kinds] + (["probability"] if kinds == (ScoreKind,) else []))
        problem = f"got {quoted(heading)}, a column of type {quoted(kind.type)}; expected one of type {types}."
        constant = (
            " Write of = 'probability' in its table." if isinstance(kind, ConstantKind) and key == "threshold" else ""
        )
        problems.add(section.at(key), f"{problem}{constant}")
    return isinstance(inner, kinds)
