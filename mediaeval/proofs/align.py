"""Judging run files by their images: features of dev and test set → expectation → verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.errors import DatasetError
from mediaeval.features.build import build
from mediaeval.features.extractors import WITNESS
from mediaeval.runs import RunFolder
from mediaeval.steps.prepare import build_networks, features_of
from submission.alignment.align import CANNOT_TELL, MISALIGNED, Alignment, align, usual_orders
from submission.alignment.expectation import columns_of, expect, label_matrix
from submission.alignment.plausibility import find_oddities
from submission.errors import LabelFileError
from submission.labels import read_labels
from submission.problems import Problem, describe
from submission.visual_sentiment import VISUAL_SENTIMENT_2021


@dataclass(frozen=True)
class Meaning:
    """What the images and the dev set say of a run file; `alignment` is None where its labels cannot be read."""

    file: Path
    alignment: Alignment | None
    oddities: tuple[Problem, ...]
    unreadable: str = ""

    @property
    def ok(self) -> bool:
        return self.alignment is not None and self.alignment.verdict != MISALIGNED

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.alignment.problems] if self.alignment else []

    def text(self) -> str:
        if self.alignment is None:
            return f"{self.file}: not held against the images: {self.unreadable}"
        return "\n".join([*(describe(odd, self.file) for odd in self.oddities), self.alignment.text()])

    def as_json(self) -> dict:
        if self.alignment is None:
            return {"alignment": {"verdict": CANNOT_TELL, "reason": self.unreadable}, "oddities": []}
        return {"alignment": self.alignment.to_dict(), "oddities": [odd.to_dict() for odd in self.oddities]}


class Judge:
    """Knows what the test images lead to expect; called with the path of a run file, it gives its `Meaning`."""

    def __init__(self, test: Path, dev: Path, config: Config, *, own: bool, device: str, tell: Callable[[str], None]):
        """Learn from the dev set and compute what is expected of the test images.

        With `own` from the extractors that the configuration names, else from the witness. Images that cannot be
        decoded take no part; `tell` is told so. Raises DatasetError for sets that cannot be used.
        """
        dev_set = load_dataset(dev, config.task)
        self.test_set: Dataset = load_dataset(test, config.task)
        if not dev_set.subtasks:
            raise DatasetError(f"{dev} has no labels, hence teaches nothing. Give the dev set's folder with --dev.")
        self.dev_table = dev_set.table
        networks = build_networks(config, device) if own else [build("witness", WITNESS)]
        self.names = [network.name for network in networks]
        X, ids = {}, {}
        for side, dataset in (("dev", dev_set), ("test", self.test_set)):
            features = features_of(dataset, config, networks, skip_bad=True)
            if features.failures:
                tell(f"{dataset.folder}: {len(features.failures)} images cannot be decoded, and take no part.")
            ids[side] = [image_id for image_id in dataset.ids if image_id not in features.failures]
            if not ids[side]:
                raise DatasetError(f"{dataset.folder}: none of its images can be decoded.")
            X[side] = features.matrix(self.names, ids[side])
        subtasks = [VISUAL_SENTIMENT_2021[name] for name in dev_set.subtasks]
        labels = label_matrix(subtasks, self.dev_table.labels, ids["dev"])
        self.expectation = expect(X["dev"], labels, X["test"], ids["test"], columns_of(subtasks))
        self.orders = usual_orders(self.test_set.ids, self._listing())
        self.tell = tell

    def __call__(self, path: Path) -> Meaning:
        """Judge one run file."""
        try:
            run = read_labels(path, VISUAL_SENTIMENT_2021)
        except LabelFileError as error:
            return Meaning(path, None, (), f"its labels cannot be read ({error.problems[0]})")
        manifest = RunFolder(Path(path).parent).manifest
        if manifest.is_file():
            made_of = RunFolder(Path(path).parent).read_manifest().extractors
            if same := [name for name in self.names if name in made_of]:
                self.tell(f"warning: {path} was itself made with {', '.join(same)}: a slip there would go unseen.")
        oddities = find_oddities(run, self.dev_table, VISUAL_SENTIMENT_2021)
        return Meaning(path, align(run, self.expectation, self.orders), tuple(oddities))

    def _listing(self) -> list[str]:
        """Return the test images as the disk lists their folder."""
        by_path = {path: image_id for image_id, path in self.test_set.image_paths.items()}
        folders = sorted({path.parent for path in by_path if path.is_file()})
        return [by_path[path] for folder in folders for path in folder.iterdir() if path in by_path]
