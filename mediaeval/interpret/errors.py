"""The wrong answers of a run, and a contact sheet of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mediaeval.analysis.errors import ErrorCount, LabelErrors, WrongAnswer, count_errors, worst_images, worst_of_label
from mediaeval.analysis.judged import JudgedImages, judge, load_dev_set
from mediaeval.answers.learned import CLASSES, form, is_numeric, label_named
from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ConfigError, ImageError
from mediaeval.interpret.sheet import Cell, contact_sheet, grey_picture, save_picture
from mediaeval.runs import RunFolder
from mediaeval.steps.thresholds import ERRORS
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask, Task

LIMIT = 20
MOST_DRAWN = 200  # images on a sheet: 40 rows; a longer one is hard to look through
_COLUMNS = 5


@dataclass(frozen=True)
class ShownErrors:
    """What is wrong in a run.

    counts    of each subtask that was looked at
    notes     subtask → what is to be said of its thresholds, see `SubtaskRecord.note`
    judged    the subtask whose images are listed
    of_label  the errors in one label; None: `errors` are of whole images
    errors    the listed images
    left_out  how many more are wrong, beyond the limit; of numbers, how many more there are
    paths     image id → its file; none of images that have none
    sheet     the contact sheet, None where nothing is wrong
    gone      image id → why it cannot be shown
    """

    counts: tuple[ErrorCount, ...]
    notes: dict[str, str]
    judged: JudgedImages
    of_label: LabelErrors | None
    errors: tuple[WrongAnswer, ...]
    left_out: int
    paths: dict[str, Path]
    sheet: Path | None
    gone: dict[str, str]


def show_errors(
    folder: RunFolder,
    task: Task,
    subtask_name: str | None = None,
    *,
    label: str | None = None,
    limit: int = LIMIT,
    out: Path | None = None,
) -> ShownErrors:
    """Find the wrong answers of a run and draw the worst on a contact sheet.

    subtask_name  whose images are listed; None: those of the run's first, and errors are counted in all of them
    label         whole or short (`Joy`), in any case: its false negatives and false positives alone
    limit         how many images are listed, of a label as many of each kind
    out           the sheet, .png; without, `errors.png` in the subtask's folder of the run

    Raises ConfigError for names that are not known; RunFolderError for a run that is damaged or lacks the subtask;
    DatasetError when the dev set is gone or its labels have changed.
    """
    if limit < 1:
        raise ConfigError(f"--limit: got {limit}; expected 1 or more.")
    if out and out.suffix.lower() != ".png":
        raise ConfigError(f"--out: got {out}; expected a name that ends in .png, since the sheet is a PNG.")
    run = TrainedRun.open(folder, task, of_split=True)
    subtask = run.chosen_subtask(subtask_name)
    chosen = None if label is None else label_named(subtask, label)
    dev = load_dev_set(run)
    looked_at = [subtask] if subtask_name else run.subtasks
    all_judged = {one.name: judge(run, one, dev) for one in looked_at}
    judged = all_judged[subtask.name]
    counts = tuple(count_errors(one) for one in all_judged.values())
    of_label = None if chosen is None else worst_of_label(judged, chosen, limit)
    errors = of_label.found if of_label else tuple(worst_images(judged, limit))
    own = next(count for count in counts if count.subtask == subtask.name)
    paths = {e.id: dev.image_paths[e.id] for e in errors if e.id not in dev.missing}
    sheet: Path | None = None
    gone: dict[str, str] = {}
    if errors:
        sheet = out or folder.subtask(subtask.name) / ERRORS
        short = subtask.short(of_label.label) if of_label else ""
        title = f"{run.name}, {subtask.name}, {judged.where}: {_what(subtask, short)}"
        picture, gone = _drawn(judged, errors[:MOST_DRAWN], dev, title, short)
        with folder.lock():  # the run may be exchanged for a changed one meanwhile
            save_picture(picture, sheet)
    return ShownErrors(
        counts=counts,
        notes={name: record.note for name, record in run.records.items() if name in all_judged and record.note},
        judged=judged,
        of_label=of_label,
        errors=errors,
        left_out=_total(of_label, own) - len(errors),
        paths=paths,
        sheet=sheet,
        gone=gone,
    )


def _total(of_label: LabelErrors | None, count: ErrorCount) -> int:
    """Return how many images are wrong, or how many there are where answers are numbers."""
    if of_label and of_label.false_negatives is not None and of_label.false_positives is not None:
        return of_label.false_negatives + of_label.false_positives
    return count.images if count.wrong is None else count.wrong


def _what(subtask: Subtask, short: str) -> str:
    """Return what is listed, in words. `short`: the one label, "" for whole images."""
    if is_numeric(subtask):
        return f"the largest errors{' in ' + short if short else ''}"
    return f"false negatives of {short}, then false positives" if short else "the wrong images, by loss"


def answer_text(values: Sequence[str | float]) -> str:
    """Return a truth or an answer for people: `Joy, Fear`, `3.25, 1.5`, or `none`."""
    return ", ".join(value if isinstance(value, str) else f"{value:.4g}" for value in values) or "none"


def _drawn(
    judged: JudgedImages, errors: Sequence[WrongAnswer], dev: Dataset, title: str, short: str
) -> tuple[Image.Image, dict[str, str]]:
    """Return the sheet, and why images are grey on it: id → reason. `short`: the one label, "" for whole images."""
    rows: list[list[Cell]] = []
    gone = {}
    for what in dict.fromkeys(error.what for error in errors):  # false positives begin a row
        cells = []
        for error in errors:
            if error.what != what:
                continue
            try:
                picture = decode(read_image(dev.image_paths[error.id])[1], scaled=True)
            except ImageError as reason:
                gone[error.id] = str(reason)
                picture = grey_picture()
            notes = [*([what] if what else []), error.id, *([gone[error.id]] if error.id in gone else [])]
            cells.append(Cell(picture, _caption(judged.subtask, error, by_label=bool(short)), ": ".join(notes)))
        rows += [cells[k : k + _COLUMNS] for k in range(0, len(cells), _COLUMNS)]
    return contact_sheet(rows, title, _legend(judged.subtask, short)), gone


def _caption(subtask: Subtask, error: WrongAnswer, *, by_label: bool) -> str:
    """Return the truth, the answer and its probability, as in `negative → positive 0.912`."""
    change = f"{answer_text(error.truth)} → {answer_text(error.answer)}"
    if error.error is not None:
        return change
    of = "" if by_label or form(subtask) == CLASSES else f"; {subtask.short(error.label)}"
    return f"{change}{of} {error.output:.3f}"


def _legend(subtask: Subtask, short: str) -> str:
    """Return what captions say. `short`: the one label that is listed, "" for whole images."""
    if is_numeric(subtask):
        return "Truth → answer."
    if short:
        return f"Truth → answer, with the probability of {short}."
    if form(subtask) == CLASSES:
        return "Truth → answer, with the answer's probability."
    return "Truth → answer; the label that is most wrong, with its probability."
