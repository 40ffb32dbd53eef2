"""The Python API: what `import mediaeval` gives.

Each function does what the command of its name does, with the same checks and errors, and returns its results as pandas
frames indexed by image id or as small dataclasses. Heavy libraries are imported when a function needs them: importing
this module imports neither torch nor pandas.

    import mediaeval

    devset = mediaeval.load_dataset("devset")
    mediaeval.train("subtask1", data="devset", run="first")
    mediaeval.predict("first", "testset")
    mediaeval.submit("first", partial=True)
    mediaeval.check_run("runs/first/run.csv", ids="testset", dev="devset", partial=True).ok

Errors that the caller can correct are `mediaeval.UserError`: the message says what was given, what was expected, and
what to do. Progress and warnings are logged below the logger `mediaeval`.

`task` may be a task, the name of one that mediaeval has, or a task file. Without it, a function is of the task of its
run, also of the one whose run file it takes; otherwise of the task of its settings or of mediaeval.toml in the current
folder, section [task]; otherwise of Visual Sentiment 2021.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediaeval.tasks import decide_task, runs_of
from submission.check import CheckReport, check_files, expected_header
from submission.errors import UserError
from submission.score import SubtaskScore
from submission.task import Header, Subtask, Task
from submission.taskfile import load_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

if TYPE_CHECKING:
    import pandas as pd

    from mediaeval.classifiers.base import Classifier
    from mediaeval.classifiers.regressor import Regressor
    from mediaeval.data.dataset import Dataset
    from mediaeval.proofs.send import SubmissionReceipt
    from mediaeval.steps.fitting import TrainedSubtask
    from submission.score import Scores

__all__ = [
    "VISUAL_SENTIMENT_2021",
    "CheckReport",
    "Header",
    "Predictions",
    "Subtask",
    "SubtaskScore",
    "Task",
    "UserError",
    "check_run",
    "extract_features",
    "load_dataset",
    "load_task",
    "make_classifier",
    "make_regressor",
    "predict",
    "ranked_list",
    "score_run",
    "submit",
    "train",
    "write_run",
]

RUNS_DIR = Path("runs")
TaskLike = Task | str | Path | None


@dataclass(frozen=True)
class Predictions:
    """A run's predictions of a test set.

    probabilities  subtask → frame of probabilities, 0..1, or scores: image ids × labels, and a column `source`:
                   `model`, or `fallback` for an image that cannot be decoded
    labels         subtask → frame of 0 and 1: image ids × labels, by the run's thresholds; scores as they are written
    failures       image id → why the image cannot be decoded
    trained_on     test images that are also images of the dev set, byte for byte
    answers        subtask → image id → answer, as a run file has it
    calibrated     as `probabilities`, calibrated, where they were asked for; labels and answers are not from them
    """

    probabilities: "dict[str, pd.DataFrame]"
    labels: "dict[str, pd.DataFrame]"
    failures: dict[str, str]
    trained_on: tuple[str, ...]
    answers: dict[str, dict[str, Any]]
    calibrated: "dict[str, pd.DataFrame]"


def load_dataset(folder: str | Path, *, labelled: bool = True, task: TaskLike = None) -> "Dataset":
    """Read a dataset folder: image ids, image files and labels.

    folder    `images/<id>.jpg` and a CSV, or a folder of images alone; or the CSV itself
    labelled  whether label columns are read; a test list may have columns that are empty

    `dataset.ids` are the image ids, `dataset.labels("subtask1")` is a frame of 0 and 1, image ids × labels. Raises
    UserError for a folder or a CSV that cannot be used, with everything that is wrong.
    """
    from mediaeval.data.dataset import load_dataset

    return load_dataset(Path(folder), decide_task(task), labelled=labelled)


def extract_features(
    dataset: "Dataset | str | Path",
    use: str | Sequence[str] = ("handcrafted",),
    *,
    settings: str | Path | None = None,
    engine: str | None = None,
    device: str = "auto",
    skip_bad: bool = False,
    task: TaskLike = None,
) -> "pd.DataFrame":
    """Return the features of a dataset: float32, image ids × (extractor, number), computing what the store lacks.

    dataset   a dataset, or its folder
    use       names of extractors: those of `mediaeval ls extractors`, or of `settings`; "auto": the strongest at hand
    settings  a file like mediaeval.toml; without one, mediaeval.toml in the current folder, if there is one
    engine    auto, torch, torch-mixed, torch-fp16, openvino, openvino-mixed or openvino-bf16
    device    auto, cpu, cuda or cuda:N
    skip_bad  leave out images that cannot be decoded; otherwise they are an error that names them all

    `features["handcrafted"]` is one extractor's block; `features.to_numpy()` is the matrix that classifiers take.
    Raises UserError for unknown names, absent weights and damaged images.
    """
    import pandas as pd

    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.devices import resolve_device
    from mediaeval.steps.chosen_features import with_chosen_features
    from mediaeval.steps.prepare import build_networks, features_of

    names = [use] if isinstance(use, str) else list(use)
    of = decide_task(task, settings=_path(settings))
    config = load_config(_path(settings), use=",".join(names), engine=engine, task=of)
    if isinstance(dataset, str | Path):
        dataset = load_dataset(Path(dataset), of, labelled=False)
    config = with_chosen_features(config, [dataset.folder])
    networks = build_networks(config, resolve_device(device, "device"))
    found = features_of(dataset, config, networks, skip_bad=skip_bad)
    ids = [image_id for image_id in dataset.ids if image_id not in found.failures]
    columns = [(network.name, k) for network in networks for k in range(network.width)]
    return pd.DataFrame(
        found.matrix([network.name for network in networks], ids),
        index=pd.Index(ids, name="id"),
        columns=pd.MultiIndex.from_tuples(columns, names=["extractor", "number"]),
    )


def make_classifier(name: str, *, random_state: int = 0, **settings: Any) -> "Classifier":
    """Return a scikit-learn classifier, unfitted: `fit(X, y)`, `predict_proba(X)` of shape (n_images, n_labels).

    name          one of `mediaeval ls classifiers`
    random_state  seed: equal seeds give equal results
    settings      those of `mediaeval ls settings NAME`, such as epochs=20

    `y` is a vector of classes or a matrix of 0 and 1, (n_images, n_labels). Raises UserError for an unknown classifier,
    and with every unknown setting and value out of range.
    """
    from mediaeval.classifiers import make_classifier

    return make_classifier(name, settings, random_state)


def make_regressor(name: str, *, random_state: int = 0, **settings: Any) -> "Regressor":
    """Return a scikit-learn regressor, unfitted: `fit(X, y)`, `predict(X)` of the shape of `y`.

    name          ridge, network, or best, which chooses between them
    random_state  seed: equal seeds give equal results
    settings      those of `mediaeval ls settings NAME`

    `y` is a vector of scores or a matrix, (n_images, n_targets). Raises UserError as `make_classifier` does.
    """
    from mediaeval.classifiers import make_regressor

    return make_regressor(name, settings, random_state)


def train(
    subtasks: str | Sequence[str] = "all",
    *,
    data: str | Path | None = None,
    run: str = "first",
    runs_dir: str | Path = RUNS_DIR,
    settings: str | Path | None = None,
    preset: str | None = None,
    use: str | Sequence[str] | None = None,
    system: str | None = None,
    engine: str | None = None,
    changes: Mapping[str, Any] | None = None,
    split: str | Path | None = None,
    folds: int | None = None,
    refit: bool = True,
    replace: bool = False,
    resume: bool = False,
    skip_bad: bool = False,
    device: str = "auto",
    task: TaskLike = None,
) -> "dict[str, TrainedSubtask]":
    """Train on the dev set, score on images held out, and write the run to `runs_dir / run`.

    subtasks  a name, several, or "all": those that the dev set has labels for
    data      dev set folder; otherwise that of the settings
    run       name of the run
    settings  a file like mediaeval.toml; without one, mediaeval.toml in the current folder, if there is one
    changes   settings that differ from the file's, such as {"classifier.epochs": 20}, as --set of the command
    split     file of `mediaeval split`, instead of a split made by the settings
    folds     each dev image is predicted by a model of the other folds; 0: the split alone is scored. Without: 5 on
              features, 0 for systems and the presets of papers
    refit     train once more on the whole dev set; the test images are predicted by that model
    replace   train again what the run holds already
    resume    continue the training of a system that was interrupted

    The other arguments are the command's. Returns subtask → what was trained: `.out_of_fold.record` with `f1` (0..1),
    `interval` and `new_set` (95 %), None without folds; of the split `.score.weighted_f1` and `.score.interval`, and
    the frames `.probabilities`, `.predicted` and `.truth` of the validation images.
    Raises UserError for settings and data that cannot be used, before anything is computed where possible.
    """
    from mediaeval.config import load_config
    from mediaeval.errors import ConfigError
    from mediaeval.runs import run_folder
    from mediaeval.steps.subtasks import ALL, labelled_subtasks, named_subtasks

    folder = run_folder(run, Path(runs_dir))
    runs = [folder.path] if folder.path.is_dir() else []
    of = decide_task(task, runs=runs, settings=_path(settings), replace=replace)
    names = named_subtasks(subtasks, of)
    config = load_config(
        _path(settings),
        preset=preset,
        data=None if data is None else str(data),
        use=use if use is None or isinstance(use, str) else ",".join(use),
        engine=engine,
        system=system,
        sets=[
            *(_as_set(key, value) for key, value in (changes or {}).items()),
            *([] if folds is None else [_as_set("split.folds", folds)]),
        ],
        subtasks=names,
        task=of,
    )
    if not config.data.dev:
        raise ConfigError("data: got no dev set; expected its folder. Pass data=FOLDER, or set [data] dev in the file.")
    if subtasks == ALL:
        names = labelled_subtasks(Path(config.data.dev), of)
    config = config.for_training(names)

    from mediaeval.steps.train import train  # imports torch: after everything that can be refused without it

    trained = train(
        config,
        names,
        folder,
        split_file=_path(split),
        refit=refit,
        replace=replace,
        resume=resume,
        skip_bad=skip_bad,
        device=device,
        command=f"mediaeval.train({names!r}, run={run!r})",
    )
    return {one.task.name: one for one in trained}


def predict(
    run: str,
    data: str | Path | None = None,
    *,
    runs_dir: str | Path = RUNS_DIR,
    skip_bad: bool = False,
    calibrated: bool = False,
    device: str = "auto",
    task: TaskLike = None,
) -> Predictions:
    """Predict a test set with a run's models, and store the probabilities in the run.

    data        test set folder; otherwise that of the run's settings
    skip_bad    an image that cannot be decoded gets each label's share in the training data; otherwise it is an error
    calibrated  calibrated probabilities as well; they are an error where the run has no calibration

    Raises UserError when the run, its models or the extractors' weights are absent or not those it was trained with.
    """
    from mediaeval.runs import open_run
    from mediaeval.steps.predict import predict, test_set_of
    from mediaeval.steps.tables import read_probabilities
    from mediaeval.steps.trained_run import TrainedRun

    folder = open_run(run, Path(runs_dir))
    of = decide_task(task, runs=[folder.path])
    test = test_set_of(folder, of) if data is None else Path(data)
    result = predict(folder, of, test, skip_bad=skip_bad, calibrated=calibrated, device=device)
    trained = TrainedRun.open(folder, of)
    tables = {one.name: read_probabilities(folder.test / f"{one.name}.csv", one) for one in trained.subtasks}
    labels = {one.name: trained.labels(one, tables[one.name]) for one in trained.subtasks}
    answers: dict[str, dict[str, Any]] = {one.name: trained.answers(one, tables[one.name]) for one in trained.subtasks}
    beside = {name: read_probabilities(Path(file), trained.task[name]) for name, file in result.calibrated.items()}
    return Predictions(tables, labels, result.failures, result.trained_on, answers, beside)


def ranked_list(
    scores: Mapping[str, Mapping[str, float]], *, task: TaskLike, subtask: str = ""
) -> dict[str, tuple[tuple[str, int, float], ...]]:
    """Return query → (document, rank, score) rows from scores: sorted, ranked, and as long as the task allows.

    scores   query → document → how relevant it is, the higher the better; equal ones are ordered by document id
    task     whose answers are ranked lists
    subtask  which one, where it has several

    Raises UserError for scores that are not finite numbers, and for a task without ranked lists.
    """
    from mediaeval.answers.ranking import ranked_list
    from mediaeval.errors import ConfigError

    ranked = [one for one in decide_task(task).subtasks if one.kind == "rank" and subtask in ("", one.name)]
    if len(ranked) != 1:
        names = ", ".join(one.name for one in decide_task(task).subtasks if one.kind == "rank") or "none"
        raise ConfigError(f"subtask: got {subtask!r}; expected one whose answers are ranked lists ({names}).")
    return ranked_list(ranked[0], scores)


def submit(
    run: str,
    *,
    runs_dir: str | Path = RUNS_DIR,
    partial: bool = False,
    rehearsal: bool = True,
    replays: int = 0,
    device: str = "auto",
    task: TaskLike = None,
) -> "SubmissionReceipt":
    """Write `runs_dir / run / run.csv` and prove that it says what the models predicted.

    partial    allow a run that covers only some subtasks
    rehearsal  write and score the validation images the same way first
    replays    number of test images that are predicted again in a fresh process

    Raises UserError, and writes nothing, when a proof fails or the recorded run file has other bytes.
    """
    from mediaeval.proofs.send import send
    from mediaeval.runs import open_run

    folder = open_run(run, Path(runs_dir))
    of = decide_task(task, runs=[folder.path])
    return send(folder, of, partial=partial, rehearsal=rehearsal, replays=replays, device=device)


def check_run(
    file: str | Path,
    *,
    ids: str | Path,
    dev: str | Path | None = None,
    partial: bool = False,
    task: TaskLike = None,
) -> CheckReport:
    """Check the form of a run file: all problems at once. `report.ok`, `report.problems`, `print(report.text())`.

    ids      test list: a CSV, or the folder that holds it or the images
    dev      dev set, CSV or folder: its header is expected; without one, the official header
    partial  allow a run that covers only some subtasks

    Raises UserError when the test list or the dev set cannot be read.
    """
    return check_files(
        [Path(file)], Path(ids), decide_task(task, runs=runs_of([Path(file)])), dev=_path(dev), partial=partial
    )[0]


def score_run(
    file: str | Path,
    truth: str | Path,
    *,
    dev: str | Path | None = None,
    task: TaskLike = None,
) -> "Scores":
    """Score a run file against the true labels: subtask → `.weighted_f1`, `.interval` (95 %), `.per_label`; 0..1.

    Of a task with other metrics: subtask → `.metrics`, each with `.metric.title`, `.value` and `.interval`, and
    `.value` and `.interval` of the one that ranks. What a value depends on is in `.signature`.

    truth  CSV with the labels of the test images
    dev    as in `check_run`

    An image of the truth without an answer counts as wrong; `.absent` names them. Raises UserError for a file that
    cannot be read, or that has an image which the truth lacks.
    """
    from submission.score import score_file

    of = decide_task(task, runs=runs_of([Path(file)]))
    return score_file(Path(file), Path(truth), of, dev=_path(dev))


def write_run(
    file: str | Path,
    ids: Sequence[str],
    labels: "Mapping[str, pd.DataFrame | Mapping[str, Any]]",
    *,
    shared: Mapping[str, Any] | None = None,
    dev: str | Path | None = None,
    partial: bool = False,
    task: TaskLike = None,
) -> str:
    """Write a checked run file from answers of any origin, and return its sha256.

    ids      image ids of the test list; the file has a row per id, in this order
    labels   subtask → frame of 0 and 1: image ids × labels, in any order of rows and columns: they are joined by name.
             Where a subtask has other columns than class names or flags, a frame of their values: image ids × headings;
             or image id → answer, such as `ranked_list` returns
    shared   what stands in columns that are no answers: heading → a value for all rows, or image id → value
    dev      as in `check_run`: the file has this header
    partial  allow a run that covers only some subtasks

    Raises UserError with all problems, and writes nothing, for an id without labels, labels without an id, values that
    are not 0 or 1, or a file that would not pass the check.
    """
    from submission.errors import RunFileError
    from submission.runfile import write_run

    of = decide_task(task)
    header = expected_header(_path(dev), of).only(labels)
    rows: dict[str, dict[str, Any]] = {}
    for name, frame in labels.items():
        subtask = of[name]
        if isinstance(frame, Mapping):
            rows[name] = dict(frame)
            continue
        expected = list(subtask.labels if subtask.plain else subtask.headings)
        if sorted(frame.columns) != sorted(expected):
            raise RunFileError(
                f"{name}: got columns {', '.join(map(str, frame.columns))}; expected {', '.join(expected)}."
            )
        if frame.index.has_duplicates:
            raise RunFileError(f"{name}: got an id twice; expected each image once.")
        if not subtask.plain:
            values = (frame[heading].tolist() for heading in expected)
            rows[name] = dict(zip(frame.index, zip(*values, strict=True), strict=True))
            continue
        matrix = frame[expected].to_numpy()
        try:
            rows[name] = {i: subtask.from_row(row) for i, row in zip(frame.index, matrix, strict=True)}
        except ValueError as error:
            raise RunFileError(f"{error}.") from None
    return write_run(Path(file), header, list(ids), rows, shared=shared, partial=partial)


def _as_set(key: str, value: Any) -> str:
    """Return a setting as `--set` has it. Raises ConfigError for a value that TOML cannot hold."""
    import tomli_w

    from mediaeval.errors import ConfigError

    try:
        text = tomli_w.dumps({"value": value})
    except TypeError:
        raise ConfigError(
            f"changes: {key}: got {value!r}; expected a number, text, true or false, or a list."
        ) from None
    if not text.startswith("value = "):
        raise ConfigError(f"changes: {key}: got a table; expected one value. Name each setting: '{key}.NAME'.")
    return f"{key}={text.removeprefix('value = ').strip()}"


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
