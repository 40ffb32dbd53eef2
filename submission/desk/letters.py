"""What each team is sent: one plain text per run file, with its own rank, scores and problems and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from submission.desk.leaderboard import Leaderboard
from submission.desk.ranking import Entry
from submission.desk.scoring import Counts
from submission.errors import RunFileError
from submission.layout import STRICT
from submission.problems import describe
from submission.wording import both, counted, quoted_list, shown

_LONGEST_NAME = 100  # characters; file systems take 255 bytes


def write_letters(board: Leaderboard, folder: Path) -> list[Path]:
    """Write the text of each run file into a folder that is new or empty, and return their paths in the board's order.

    Raises RunFileError where the folder holds something, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if held := sorted(path.name for path in folder.iterdir()):
            raise RunFileError(
                f"{folder}: got a folder that holds {quoted_list(held)}; expected a new or an empty one. Give another "
                "folder, or empty this one."
            )
        paths = [folder / f"{name}.txt" for name in _names([entry.run.report.file for entry in board.entries])]
        for path, entry in zip(paths, board.entries, strict=True):
            path.write_text(letter(board, entry), encoding="utf-8", newline="\n")
    except OSError as error:
        raise RunFileError(
            f"{folder}: cannot be written to ({error.strerror}). Check the folder and the free disk space."
        ) from None
    return paths


def letter(board: Leaderboard, entry: Entry) -> str:
    """Return the text about one run file, with the names of folders left out of its own name."""
    name = entry.run.report.file.name
    lines = [f"{board.task.title or board.task.name}", f"Run file: {name}", ""]
    lines += [*_scores(board, entry), "", *_answers(board, entry), *_problems(entry, name)]
    lines += ["Each value depends on:", *(f"  {key}: {text}" for key, text in board.signature.items())]
    return "\n".join(shown(line) for line in lines) + "\n"


def _scores(board: Leaderboard, entry: Entry) -> Iterator[str]:
    if not entry.run.scores:
        reason = "it has problems, and the task takes no such file" if board.rule == STRICT else "nothing can be read"
        yield f"Not scored: {reason}."
        return
    yield f"Rank {entry.rank} of {len(board.entries)}"
    if entry.rank.shared:
        yield "  (= : by no more than the noise of the images apart from the best run of this rank)"
    for measure in board.measures:
        score = entry.run.scores.get(measure.key)
        if score is None:
            yield f"  {measure.key}: no answers"
            continue
        low, high = score.interval
        place = entry.places[measure.subtask.name] if measure in board.ranking and len(board.ranking) > 1 else None
        of_subtask = f"; rank {place}" if place else ""
        yield f"  {measure.key}: {measure.title} {score.value:.4f} (95 % interval {low:.4f} to {high:.4f}){of_subtask}"


def _answers(board: Leaderboard, entry: Entry) -> Iterator[str]:
    subtasks_of: dict[Counts, list[str]] = {}
    for subtask, counts in entry.run.counts.items():
        subtasks_of.setdefault(counts, []).append(subtask)
    for counts, subtasks in subtasks_of.items():
        of_subtasks = f" of {both(subtasks)}" if len(board.ranking) > 1 else ""
        answered = counts.images - counts.absent - counts.double
        yield f"Answers{of_subtasks}: {answered} of {counted(counts.images, 'image{s}')}."
        for number, what in (
            (counts.absent, "without a line: counted as wrong"),
            (counts.double, "on several lines: none of these counts, the image is counted as wrong"),
            (counts.unreadable, "whose answer, or a part of it, cannot be understood: that part is counted as wrong"),
        ):
            if number:
                yield f"  {counted(number, 'image{s}')} {what}"
        if counts.extra:
            yield f"  {counted(counts.extra, 'other id{s}')}: ignored"
    if entry.run.counts:
        yield ""


def _problems(entry: Entry, name: str) -> Iterator[str]:
    problems = entry.run.report.problems
    if not problems:
        yield "The form of the file has no problems."
    else:
        yield f"The form of the file has {counted(len(problems), 'problem{s}')} (line numbers are those of the file):"
        yield from (f"  {describe(problem, name)}" for problem in problems)
    yield ""


def _names(files: Sequence[Path]) -> list[str]:
    """Return a name for each file, none twice whatever the file system: by its own name, with folders where needed."""
    found: list[str] = []
    taken: set[str] = set()
    for file in files:
        parts = [re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in file.parts if part not in ("/", ".", "..")]
        choices = ["-".join(parts[-k:])[-_LONGEST_NAME:].lstrip(".") or "run" for k in range(1, len(parts) + 1)]
        number = 2
        while (name := next((one for one in choices if one.lower() not in taken), "")) == "":
            choices = [f"{choices[0]}-{number}"]
            number += 1
        taken.add(name.lower())
        found.append(name)
    return found
