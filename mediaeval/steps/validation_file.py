r"""validation.csv: what the split model predicts of the validation images, beside what is true and what is answered.

After the columns of the labels, and `source`, come `truth` and `answer`, for people: short names of labels joined by
`;` in the task's order, empty for none, or numbers in the order of the columns. A `;` or `\` within a name is written
after a `\`. Runs of versions before 0.2 lack both; what reads the file reads neither.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mediaeval.answers.learned import is_numeric
from mediaeval.steps.tables import MODEL, SOURCE, write_probabilities
from submission.task import Subtask

FILE = "validation.csv"  # in a subtask's folder
TRUTH, ANSWER = "truth", "answer"
SEPARATOR = ";"  # as sets are written in run files


def write_validation(
    folder: Path, subtask: Subtask, probabilities: pd.DataFrame, truth: pd.DataFrame, decided: pd.DataFrame
) -> None:
    """Write validation.csv into a subtask's folder.

    probabilities  or scores; all tables ids × labels, joined by id
    decided        what they lead to: 0/1, or scores as they are written
    """
    ids = list(probabilities.index)
    beside = [
        pd.Series(MODEL, index=ids, name=SOURCE),
        *(
            pd.Series(in_words(subtask, table.loc[ids]), index=ids, name=name)
            for name, table in ((TRUTH, truth), (ANSWER, decided))
        ),
    ]
    # side by side: a label may be called `truth`, and readers take the first column of a name
    write_probabilities(folder / FILE, pd.concat([probabilities[list(subtask.labels)], *beside], axis=1))


def in_words(subtask: Subtask, table: pd.DataFrame) -> list[str]:
    """Return the labels, or numbers, that each row of a table (ids × labels) has, in one text each."""
    rows = table[list(subtask.labels)].to_numpy()
    if is_numeric(subtask):
        return [_joined([repr(float(value)) for value in row]) for row in rows]
    short = [subtask.short(label) for label in subtask.labels]
    return [_joined([name for name, has in zip(short, row, strict=True) if has]) for row in rows]


def _joined(names: Sequence[str]) -> str:
    escaped = [name.replace("\\", "\\\\").replace(SEPARATOR, f"\\{SEPARATOR}") for name in names]
    return SEPARATOR.join(escaped)
