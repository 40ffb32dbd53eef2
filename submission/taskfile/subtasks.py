"""The subtasks of a task file: which columns each has, and what a model answers in them."""

from __future__ import annotations

from submission.kinds import (
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.rules import Rule, ThresholdRule
from submission.task import Subtask
from submission.taskfile.columns import Columns, WrittenColumn
from submission.taskfile.metrics import read_metrics
from submission.taskfile.problems import Problems
from submission.taskfile.sections import Section
from submission.wording import both, quoted

# Sections and keys of mediaeval.toml, settings of a subtask that --set takes by themselves, what `train` takes in place
# of a subtask, and the folder of predictions in a run
RESERVED = (
    "all",
    "augment",
    "classifier",
    "data",
    "ensemble",
    "extractors",
    "features",
    "preset",
    "seed",
    "split",
    "system",
    "task",
    "test",
    "threshold",
)
_RANKED = (DocumentKind, RankKind, ScoreKind)


def read_subtasks(top: Section, columns: Columns, rules: tuple[Rule, ...], problems: Problems) -> tuple[Subtask, ...]:
    """Return the subtasks of a task file; add everything that is wrong with them."""
    written = top.tables["subtasks"]
    if not written:
        whole = _whole(columns, rules)
        subtask = _subtask(top, top.get("name", "task"), whole, rules, problems) if whole and columns.complete else None
        if not whole and columns.by_heading and columns.complete:
            problems.add((), "got no column that can be scored; expected one of type label, flag, score or another.")
        _refuse_reserved(top, "name", problems)
        return (subtask,) if subtask else ()
    if top.tables["metrics"]:
        problem = "got [[metrics]] beside [[subtasks]]; expected them in a subtask. Write [[subtasks.metrics]] there."
        problems.add(top.at("metrics"), problem)
    subtasks: dict[str, Subtask] = {}
    taken: dict[str, str] = {}  # heading → subtask
    for section in written:
        name = section.get("name")
        _refuse_reserved(section, "name", problems)
        if name in subtasks:
            problems.add(section.at("name"), f"got {name!r} again; expected another name for each subtask.")
        own = _own(section, columns, taken, problems)
        if own and columns.complete and (subtask := _subtask(section, name or "subtask", own, rules, problems)):
            subtasks.setdefault(subtask.name, subtask)
    all_known = not any("columns" in section.wrong for section in written)
    for one in columns:
        heading = one.column.heading
        if all_known and heading not in taken and _is_scored(one.column.kind):
            problem = f"got {quoted(heading)}, a column of no subtask; expected it in the columns of one."
            problems.add(one.section.place, f"{problem} Add it there, or give it type = 'text'.")
    return tuple(subtasks.values())


def _is_scored(kind: Kind) -> bool:
    return not isinstance(kind, ConstantKind) and type(kind) is not TextKind  # a document is text, too


def _refuse_reserved(section: Section, key: str, problems: Problems) -> None:
    if str(section.get(key)).lower() in RESERVED:
        problem = (
            f"got {section.get(key)!r}; expected another name, since mediaeval.toml has a section or key of this one."
        )
        problems.add(section.at(key), problem)


def _whole(columns: Columns, rules: tuple[Rule, ...]) -> list[WrittenColumn]:
    """Return the columns of a task that is one: all but free text, and constants that no rule needs."""
    needed = {rule.threshold for rule in rules if isinstance(rule, ThresholdRule)}
    return [
        one
        for one in columns
        if type(one.column.kind) is not TextKind
        and (not isinstance(one.column.kind, ConstantKind) or one.column.heading in needed)
    ]


def _own(section: Section, columns: Columns, taken: dict[str, str], problems: Problems) -> list[WrittenColumn]:
    """Return the columns that a subtask names, in the order of the file."""
    place, name = section.at("columns"), section.get("name", "")
    headings = dict.fromkeys(section.get("columns", []))
    for heading in headings:
        if heading not in columns.names and not columns.complete:
            continue
        if heading not in columns.names:
            problem = f"got {quoted(heading)}; expected the heading of a column."
            problems.add(place, problem, heading, columns.names)
        elif heading in taken:
            problem = f"got {quoted(heading)}, which {taken[heading]} has; expected each column in one subtask."
            problems.add(place, f"{problem} A subtask may have several metrics, each of some of its columns.")
        else:
            taken[heading] = name
    places = {heading: place for place, heading in enumerate(columns.by_heading)}
    return [columns.by_heading[heading] for heading in sorted(headings.keys() & places, key=places.__getitem__)]


def _subtask(
    section: Section, name: str, own: list[WrittenColumn], rules: tuple[Rule, ...], problems: Problems
) -> Subtask | None:
    """Return the subtask of some columns; None, with the reason, where these cannot be answered together."""
    scored = [
        one for one in own if not isinstance(one.column.kind, ConstantKind) and type(one.column.kind) is not TextKind
    ]
    kinds = [type(one.column.kind) for one in scored]
    place = section.at("columns") if "columns" in section else own[-1].section.place
    if problem := _mixed(kinds, scored, rules):
        problems.add(place, problem)
        return None
    if kinds and set(kinds) <= set(_RANKED) and RankKind in kinds:
        own = sorted(own, key=lambda one: _RANKED.index(type(one.column.kind)) if one in scored else len(_RANKED))
    label = next((one for one in scored if isinstance(one.column.kind, LabelKind)), None)
    flags = [one for one in scored if isinstance(one.column.kind, FlagKind)]
    labels: tuple[str, ...]
    short: tuple[str, ...]
    ordered = False
    if label:
        assert isinstance(label.column.kind, LabelKind)
        labels, short, ordered = label.column.kind.labels, label.short, label.column.kind.ordered
    elif SetKind in kinds:
        assert isinstance(scored[0].column.kind, SetKind)
        labels, short = scored[0].column.kind.items, ()
    elif RankKind in kinds:
        labels, short = (), ()
    else:
        answered = flags or scored
        labels = tuple(one.column.heading for one in answered)
        short = tuple(text for one in answered for text in one.short)
    headings = tuple(one.column.heading for one in own)
    plain = kinds == [LabelKind] * len(own) or kinds == [FlagKind] * len(own)
    written = [one.column for one in own]
    return Subtask(
        name,
        section.get("column", headings[0] if len(headings) == 1 else name),
        headings,
        labels,
        multi_label=bool(flags) or SetKind in kinds,
        max_runs=section.get("runs", 0),
        short_labels=short if len(short) == len(labels) else (),
        ordered=ordered,
        kinds=() if plain else tuple(one.column.kind for one in own),
        metrics=read_metrics(section.tables["metrics"], written, section.get("column", ""), problems),
    )


def _mixed(kinds: list[type[Kind]], scored: list[WrittenColumn], rules: tuple[Rule, ...]) -> str:
    """Return why columns cannot be answered together, or nothing."""
    several = "Make subtasks of them: [[subtasks]] with name and columns."
    present = set(kinds)
    if not present:
        return "got columns of text and constants alone; expected one that can be scored."
    if present & {RankKind, DocumentKind}:
        if sorted(kinds, key=str) == sorted(_RANKED, key=str):
            return ""
        return (
            f"got {_counted(kinds)}; expected one document, one rank and one score, as a ranked list has. "
            "Correct their types."
        )
    if present in ({FlagKind}, {ScoreKind}, {ProbabilityKind}):
        return ""
    if present in ({LabelKind}, {SetKind}):
        if len(kinds) == 1:
            return ""
        return f"got {len(kinds)} columns of type {kinds[0].type!r} in one subtask; expected one. {several}"
    decided = [one.column.heading for one in scored if isinstance(one.column.kind, LabelKind | FlagKind)]
    rule = next((rule for rule in rules if isinstance(rule, ThresholdRule) and rule.label in decided), None)
    with_rule = {rule.label, rule.probability, rule.threshold} if rule else set()
    if len(decided) == 1 and present <= {LabelKind, FlagKind, ProbabilityKind}:
        others = [one.column.heading for one in scored if one.column.heading not in (with_rule or {decided[0]})]
        if not others or (not rule and len(others) == 1):
            return ""
    expected = "columns of one type, or one label with its probability"
    return f"got {_counted(kinds)} in one subtask; expected {expected}. {several}"


def _counted(kinds: list[type[Kind]]) -> str:
    """Return columns in words: `2 of type 'score' and 1 of type 'label'`."""
    types = [kind.type for kind in kinds]
    return "columns of " + both([f"type {type_!r} ({types.count(type_)})" for type_ in dict.fromkeys(types)])
