"""Histories of trainings, a row per epoch: of runs, and of files of them; as lines of JSON, and for TensorBoard.

    {"run": "first", "subtask": "subtask1", "epoch": 0, "lr": 0.001, "train_loss": 0.65, "val_f1": 0.24}

What a row has beside the first three keys is what the training measured; null where it measured nothing.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediaeval.errors import ConfigError, RunFolderError, first_line
from mediaeval.files import write_atomically
from mediaeval.runs import RunFolder
from submission.reading import read_regular
from submission.wording import quoted

FILE = "history.csv"  # in a subtask's folder
LARGEST = 100_000_000  # bytes of a file that is read

Row = dict[str, Any]
_NAME = re.compile(r"[^./\\\0][^/\\\0]{0,99}")  # of a run or a subtask: it becomes the name of a folder


def histories_of(run: RunFolder) -> Iterator[Row]:
    """Yield the rows of all subtasks of a run that were trained in epochs, in the order of their names and epochs.

    Raises RunFolderError for a damaged file.
    """
    for subtask in run.trained:
        file = run.subtask(subtask) / FILE
        if not file.is_file():
            continue
        try:
            rows = list(csv.DictReader(io.StringIO(read_regular(file, LARGEST).decode())))
            for row in rows:
                measured = {key: _number(cell) for key, cell in row.items() if key != "epoch"}
                yield {"run": run.name, "subtask": subtask, "epoch": int(row["epoch"])} | measured
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise RunFolderError(
                f"{file} is damaged ({first_line(error)}); expected a row of numbers for each epoch. Put it back, or "
                f"train again: {run.retrain}."
            ) from None


def _number(cell: str) -> float | None:
    if not cell:
        return None
    number = float(cell)
    return number if math.isfinite(number) else None


def read_jsonl(file: Path) -> list[Row]:
    """Return the rows of a file that `as_jsonl` wrote. Raises ConfigError, naming the line, for any other one."""
    expected = 'expected {"run": …, "subtask": …, "epoch": …} and numbers'
    try:
        lines = read_regular(file, LARGEST).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{file}: cannot be read ({why}); expected a history, a line of JSON per epoch.") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise ConfigError(f"{file}:{number}: got no JSON; {expected}. Write it again.") from None
        if not isinstance(row, dict) or not _is_row(row):
            raise ConfigError(f"{file}:{number}: got {quoted(row)}; {expected}. Write it again.")
        rows.append(row)
    return rows


def _is_row(row: Mapping[str, Any]) -> bool:
    names, epoch = (row.get("run"), row.get("subtask")), row.get("epoch")
    measured = [one for key, one in row.items() if key not in ("run", "subtask") and one is not None]
    return (
        all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        and isinstance(epoch, int)
        and 0 <= epoch < 2**31
        and all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < math.inf for one in measured)
    )


def as_rows(history: Sequence[Mapping[str, Any]], run: str, subtask: str) -> list[Row]:
    """Return the history of a training that is no run's, under names of its own; what is not finite becomes None."""
    return [
        {"run": run, "subtask": subtask}
        | {key: one if not isinstance(one, float) or math.isfinite(one) else None for key, one in row.items()}
        for row in history
    ]


def write_jsonl(rows: Sequence[Row], file: Path) -> None:
    """Write a line of JSON for each row."""
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_atomically(file, text.encode())


def write_tensorboard(rows: Sequence[Row], folder: Path, *, time: float) -> list[Path]:
    """Write a file of events for each subtask, FOLDER/RUN/SUBTASK/…, in place of one that is there; return the files.

    A curve is named like the column, and a step is an epoch. `time`: of all events, seconds since 1970. Raises
    ConfigError where the package tensorboard is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise ConfigError(
            "--tensorboard: the package tensorboard is not installed. Install it: pip install 'mediaeval[tensorboard]'."
        ) from None
    files = []
    for run, subtask in dict.fromkeys((row["run"], row["subtask"]) for row in rows):
        buffer = io.BytesIO()
        records = RecordWriter(buffer)
        records.write(Event(wall_time=time, file_version="brain.Event:2").SerializeToString())
        for row in rows:
            if (row["run"], row["subtask"]) != (run, subtask):
                continue
            values = [
                Summary.Value(tag=key, simple_value=one)
                for key, one in row.items()
                if key not in ("run", "subtask", "epoch") and one is not None
            ]
            event = Event(wall_time=time, step=row["epoch"], summary=Summary(value=values))
            records.write(event.SerializeToString())
        files.append(folder / run / subtask / "events.out.tfevents.mediaeval")
        write_atomically(files[-1], buffer.getvalue())
    return files
