"""The three subtasks as data: names, labels, and the column headings to the letter.

The headings are the organisers' own, slips included (`Emphatic`, `T3.10:surprise` without a blank and in lower case).
T2 and T3 share label names in other positions, so a label's identity is its whole heading, never the bare emotion.
"""

import re
from dataclasses import dataclass

ID_COLUMN = "id"


@dataclass(frozen=True)
class Subtask:
    """One subtask of the task.

    `column` is what its headings begin with; `labels` are unique across all subtasks: the three classes of subtask 1
    (cells of its one column), the headings themselves for subtasks 2 and 3 (columns of 0/1 cells).
    """

    name: str
    column: str
    headings: tuple[str, ...]
    labels: tuple[str, ...]
    multi_label: bool
    max_runs: int = 2  # the organisers accept up to two runs a subtask

    def short(self, label: str) -> str:
        """The emotion alone, for tables: `T3.10:surprise` → `surprise`."""
        return label.partition(":")[2].strip() or label


_T2 = (
    "T2.1: Joy",
    "T2.2: Sadness",
    "T2.3: Fear",
    "T2.4: Disgust",
    "T2.5: Anger",
    "T2.6: Surprise",
    "T2.7: Neutral",
)
_T3 = (
    "T3.1: Anger",
    "T3.2: Anxiety",
    "T3.3: Craving",
    "T3.4: Emphatic pain",
    "T3.5: Fear",
    "T3.6: Horror",
    "T3.7: Joy",
    "T3.8: Relief",
    "T3.9: Sadness",
    "T3.10:surprise",
)

TASKS: dict[str, Subtask] = {
    "subtask1": Subtask("subtask1", "T1", ("T1",), ("negative", "neutral", "positive"), multi_label=False),
    "subtask2": Subtask("subtask2", "T2", _T2, _T2, multi_label=True),
    "subtask3": Subtask("subtask3", "T3", _T3, _T3, multi_label=True),
}

OFFICIAL_HEADER: tuple[str, ...] = (ID_COLUMN, *(heading for task in TASKS.values() for heading in task.headings))

_HEADING = re.compile(r"\s*T([123])(?:\.(\d+))?(?!\d)", re.IGNORECASE)


def official_heading(heading: str) -> str | None:
    """The official heading that `heading` stands for, matched by its `T1`, `T2.k` or `T3.k`; None for another column.

    >>> official_heading("T3.4: Empathetic pain")
    'T3.4: Emphatic pain'
    """
    match = _HEADING.match(heading)
    if not match:
        return None
    headings = TASKS[f"subtask{match[1]}"].headings
    if match[1] == "1":
        return None if match[2] else headings[0]
    position = int(match[2] or 0)
    return headings[position - 1] if 1 <= position <= len(headings) else None
