"""A subtask as a model learns it: which columns its outputs have, and which rules its answers must obey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from mediaeval.errors import ConfigError, choose
from submission.kinds import ConstantKind, FlagKind, LabelKind, ProbabilityKind, ScoreKind, SetKind, TextKind
from submission.rules import SumRule, ThresholdRule
from submission.task import Subtask, Task
from submission.wording import both

SCORES, CLASSES, DECISIONS, PROBABILITIES = "scores", "classes", "decisions", "probabilities"


@dataclass(frozen=True)
class Learned(Subtask):
    """A subtask whose `labels` are the columns that a model puts out: items, headings of scores or of a probability.

    multi_label  whether these are learned as decisions of their own, rather than as classes of which one is right
    threshold    the rule by which its label follows from its probability, if it has one
    sums         the rules about sums of its scores
    """

    threshold: ThresholdRule | None = None
    sums: tuple[SumRule, ...] = ()


def form(subtask: Subtask) -> str:
    """Return what a model puts out for an image.

    CLASSES        a probability for each class, one of which is right
    DECISIONS      a probability for each label, each of which is given from a threshold on
    PROBABILITIES  probabilities that are answers themselves
    SCORES         real numbers
    """
    if subtask.kind == "score":
        return SCORES
    if subtask.kind == "label":
        return CLASSES
    return DECISIONS if subtask.kind != "probability" or decided_column(subtask) else PROBABILITIES


def is_numeric(subtask: Subtask) -> bool:
    """Whether what a model puts out is the answer itself, so that there is no threshold."""
    return form(subtask) in (SCORES, PROBABILITIES)


def decided_column(subtask: Subtask) -> str | None:
    """Return the heading of the label or flag beside a probability."""
    return next((c.heading for c in subtask.columns if isinstance(c.kind, LabelKind | FlagKind)), None)


def label_named(subtask: Subtask, name: str) -> str:
    """Return the label with a name, whole or short (`Joy`), in any case. Raises ConfigError when there is none."""
    short = {subtask.short(label).lower(): label for label in subtask.labels}
    known = {label.lower(): label for label in subtask.labels} | short
    if name.lower() not in known:
        choose("label", name, [subtask.short(label) for label in subtask.labels])
    return known[name.lower()]


def learned_task(task: Task, items: Mapping[str, Sequence[str]] | None = None) -> Task:
    """Return a task with each subtask as a model learns it; the same one where no subtask differs.

    items  subtask → the items of its sets, where the task lists none
    """
    subtasks = tuple(learned(task, subtask, (items or {}).get(subtask.name, ())) for subtask in task.subtasks)
    return task if subtasks == task.subtasks else replace(task, subtasks=subtasks)


def learned(task: Task, subtask: Subtask, items: Sequence[str] = ()) -> Subtask:
    """Return a subtask as a model learns it, with its rules; the same one where it has class names or flags alone."""
    if isinstance(subtask, Learned):
        return subtask if subtask.labels or not items else replace(subtask, labels=tuple(items))
    if subtask.plain or subtask.kind == "rank":
        return subtask
    labels, multi_label = subtask.labels, True
    if subtask.kind == "set":
        labels = subtask.labels or tuple(items)
    elif subtask.kind == "label":
        multi_label = False
    elif subtask.kind in ("probability", "score"):
        of = ProbabilityKind if subtask.kind == "probability" else ScoreKind
        labels = tuple(c.heading for c in subtask.columns if type(c.kind) is of)
    own = {field.name: getattr(subtask, field.name) for field in fields(Subtask)}
    headings = set(subtask.headings)
    return Learned(
        **own
        | {
            "labels": labels,
            "multi_label": multi_label,
            "short_labels": subtask.short_labels if len(labels) == len(subtask.short_labels) else (),
            "threshold": task.threshold_rule(subtask),
            "sums": tuple(rule for rule in task.rules if isinstance(rule, SumRule) and headings >= set(rule.columns)),
        }
    )


def require_learnable(task: Task, names: Sequence[str]) -> None:
    """Raise ConfigError, with a sentence for each, for subtasks that no model of images can answer."""
    if problems := [problem for name in names if (problem := _unlearnable(task, task[name]))]:
        raise ConfigError(*problems)


def _unlearnable(task: Task, subtask: Subtask) -> str:
    name = subtask.name
    if subtask.kind == "rank":
        return (
            f"{name}: got a ranked list; expected a subtask whose answers are about one image each. Train a model of "
            "relevance, and write the list from its scores: mediaeval.ranked_list."
        )
    known = {rule.threshold for rule in (task.threshold_rule(subtask),) if rule}
    free = [
        column.heading
        for column in subtask.columns
        if type(column.kind) is TextKind
        or (isinstance(column.kind, ConstantKind) and column.kind.value is None and column.heading not in known)
    ]
    if free:
        return (
            f"{name}: got {both([repr(heading) for heading in free])}, which no model can answer; expected columns "
            "that follow from images. Leave them out of the columns of the subtask in the task file."
        )
    if subtask.kind != "probability":
        return ""
    kind = next((column.kind for column in subtask.columns if isinstance(column.kind, LabelKind)), None)
    if kind and len(kind.labels) != 2:
        return f"{name}: got {len(kind.labels)} labels beside a probability; expected two, one of which it is of."
    n_probabilities = sum(isinstance(column.kind, ProbabilityKind) for column in subtask.columns)
    if decided_column(subtask) and n_probabilities != 1:
        return f"{name}: got {n_probabilities} probabilities beside a label; expected one."
    return ""


def items_seen(subtask: Subtask, answers: Mapping[str, object]) -> tuple[str, ...]:
    """Return the items of the sets of a dev set, sorted; none of a subtask of another kind, or one that lists them."""
    if subtask.kind != "set" or subtask.labels:
        return ()
    place = next(k for k, column in enumerate(subtask.columns) if isinstance(column.kind, SetKind))
    seen: set[str] = set()
    for answer in answers.values():
        assert isinstance(answer, tuple), "the answer of a set is a tuple of values"
        seen.update(answer[place if len(answer) == len(subtask.columns) else 0])
    return tuple(sorted(seen))
