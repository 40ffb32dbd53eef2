"""Tables of probabilities or scores on disk, and the one rule that turns them into labels."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.answers.decisions import decided
from mediaeval.answers.learned import SCORES, form
from mediaeval.errors import RunFolderError, first_few, first_line
from mediaeval.files import write_atomically
from mediaeval.steps.scoring import Answered
from submission.reading import read_regular
from submission.task import Subtask

SOURCE = "source"  # column: where a row's probabilities come from
MODEL, FALLBACK = "model", "fallback"
F1_TOLERANCE = 1e-12  # within which a weighted F1 that is computed again must equal the recorded one


def rows_of(table: pd.DataFrame, ids: Sequence[str], where: str) -> pd.DataFrame:
    """Return the rows of some images, in the order of `ids`. Raises RunFolderError, naming them, when some are absent.

    where  where the table is from, for the message
    """
    if absent := [image_id for image_id in ids if image_id not in table.index]:
        raise RunFolderError(
            f"{where} has no row for {len(absent)} of {len(ids)} images ({first_few(absent, 5)}); expected one for "
            "each. The run or its data have been changed: put back what was there, or train the run again."
        )
    return table.loc[list(ids)]


def decide(task: Subtask, probabilities: pd.DataFrame, thresholds: list[float]) -> pd.DataFrame:
    """Return labels, 0/1 int8 (ids × labels): the most probable class, or every label at or above its threshold.

    `thresholds`: one per label, 0..1; not used by a subtask with one label per image. Among equally probable classes
    the first is chosen. Where answers are numbers, these as they are written: see `mediaeval.answers.decisions`.
    """
    P = probabilities[list(task.labels)].to_numpy()
    chosen = decided(task, P, thresholds)
    return pd.DataFrame(chosen, index=probabilities.index, columns=list(task.labels))


def answered(task: Subtask, probabilities: pd.DataFrame, labels: pd.DataFrame) -> Answered:
    """Return probabilities or scores, and what they lead to, as they are scored; rows of both in one order."""
    columns = list(task.labels)
    return Answered(probabilities[columns].to_numpy(dtype=float), labels[columns].to_numpy())


def write_probabilities(path: Path, probabilities: pd.DataFrame) -> None:
    """Write a table of probabilities, ids first; each number with all the digits that a float64 has."""
    write_atomically(path, probabilities.rename_axis("id").to_csv(lineterminator="\n").encode())


PREDICT_AGAIN = "Predict again: mediaeval predict RUN."


def read_probabilities(
    path: Path, task: Subtask, *, beside: Sequence[str] = (SOURCE,), remedy: str = PREDICT_AGAIN
) -> pd.DataFrame:
    """Read what `write_probabilities` wrote. Raises RunFolderError when the file is absent, damaged or out of range.

    That is 0..1 of probabilities; scores are finite.

    beside  columns of text that it has beside those of the labels
    remedy  the sentence that says what makes the file anew
    """
    try:
        # As text first, then by Python's own float: numbers are read to the last bit, and `NA` is an id.
        text = read_regular(path).decode()
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, index_col=False).set_index("id")
        P, rest = frame[list(task.labels)].map(float), frame[list(beside)]
    except KeyError:
        columns = first_few(["id", *task.labels, *beside], 20)
        raise RunFolderError(f"{path} is damaged: expected the columns {columns}. {remedy}") from None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is absent or damaged ({first_line(error)}). {remedy}") from None
    is_score = form(task) == SCORES
    fits = np.isfinite(P) if is_score else (P >= 0) & (P <= 1)
    if not fits.all(axis=None) or frame.index.has_duplicates:
        what = "scores" if is_score else "probabilities"
        raise RunFolderError(f"{path} holds numbers that are not {what}, or an id twice. {remedy}")
    return pd.concat([P, rest], axis=1)
