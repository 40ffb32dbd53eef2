"""Checking run files against their images: features of dev and test set → expectation → verdict."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlignmentReport:
    """What the images and the dev set reveal about a run file.

    alignment   None where its labels cannot be read; `unreadable` says why
    oddities    how its labels differ from those of the dev set, as warnings
    """

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
            return f"{self.file}: not checked against the images: {self.unreadable}"
        return "\n".join([*(describe(oddity, self.file) for oddity in self.oddities), self.alignment.text()])

    def to_dict(self) -> dict[str, Any]:
        if self.alignment is None:
            return {"alignment": {"verdict": CANNOT_TELL, "reason": self.unreadable}, "oddities": []}
        return {
            "alignment": self.alignment.to_dict(),
            "oddities": [oddity.to_dict() for oddity in self.oddities],
        }


class AlignmentChecker:
    """Checks run files against the images of a test set, of which it knows which labels to expect.

    check = AlignmentChecker(Path("testset"), Path("devset"), config, own=False, device="cpu")
    check(Path("run.csv")).ok
    """

    def __init__(self, test: Path, dev: Path, config: Config, *, own: bool, device: str):
        """Learn from the dev set and compute which labels to expect of the test images.

        With `own` from the extractors that the configuration names, else from the witness. The task is the
        configuration's. Images that cannot be decoded are left out, with a warning. Raises DatasetError for sets that
        cannot be used.
        """
        self.task = config.task
        dev_set = load_dataset(dev, self.task)
        self.test_set: Dataset = load_dataset(test, self.task)
        if dev_set.table is None or not dev_set.subtasks:
            raise DatasetError(
                f"{dev} has no labels, so nothing can be learned from it. Give the dev set's folder with --dev."
            )
        self.dev_table = dev_set.table
        networks = build_networks(config, device) if own else [build("witness", WITNESS)]
        self.names = [network.name for network in networks]
        X, ids = {}, {}
        for side, dataset in (("dev", dev_set), ("test", self.test_set)):
            features = features_of(dataset, config, networks, skip_bad=True)
            if n_failures := len(features.failures):
                logger.warning(f"{dataset.folder}: {n_failures} images cannot be decoded and are left out.")
            ids[side] = [image_id for image_id in dataset.ids if image_id not in features.failures]
            if not ids[side]:
                raise DatasetError(f"{dataset.folder}: none of its images can be decoded.")
            X[side] = features.matrix(self.names, ids[side])
        subtasks = [self.task[name] for name in dev_set.subtasks]
        labels = label_matrix(subtasks, self.dev_table.labels, ids["dev"])
        self.expectation = expect(X["dev"], labels, X["test"], ids["test"], columns_of(subtasks), dev_ids=ids["dev"])
        self.orders = usual_orders(self.test_set.ids, self._listing())

    def __call__(self, path: Path) -> AlignmentReport:
        """Check one run file."""
        try:
            run = read_labels(path, self.task).with_ids_as_in(self.expectation.ids)
        except LabelFileError as error:
            return AlignmentReport(path, None, (), f"its labels cannot be read ({error.problems[0]})")
        folder = RunFolder(Path(path).parent)
        if folder.manifest.is_file():
            extractors = folder.read_manifest().extractors
            if same := [name for name in self.names if name in extractors]:
                logger.warning(
                    f"{path} was itself made with {', '.join(same)}: a slip of its features would go unseen."
                )
        oddities = find_oddities(run, self.dev_table, self.task)
        return AlignmentReport(path, align(run, self.expectation, self.orders), tuple(oddities))

    def _listing(self) -> list[str]:
        """Return the test images in the order in which the disk lists their folder."""
        by_path = {path: image_id for image_id, path in self.test_set.image_paths.items()}
        folders = sorted({path.parent for path in by_path if path.is_file()})
        return [by_path[path] for folder in folders for path in folder.iterdir() if path in by_path]
