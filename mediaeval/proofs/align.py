"""Checking run files against their images: features of dev and test set → expectation → verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.proofs.evidence import evidence_of
from mediaeval.proofs.evidence_features import MINUTES, of_best_at_hand, of_named
from mediaeval.proofs.own_folder import held_out_answers, with_extractors_of
from mediaeval.proofs.stand_ins import StandIns
from submission.alignment.align import ANYTHING, CANNOT_TELL, SUSPICIOUS, Alignment, align
from submission.alignment.orders import usual_orders
from submission.alignment.plausibility import find_oddities
from submission.errors import LabelFileError
from submission.problems import Problem, describe
from submission.task import Label


@dataclass(frozen=True)
class AlignmentReport:
    """What the images and the dev set reveal about a run file.

    alignment   None where its labels cannot be read; `unreadable` says why
    oddities    how its labels differ from those of the dev set, as warnings, or as errors where no run may differ so
    """

    file: Path
    alignment: Alignment | None
    oddities: tuple[Problem, ...]
    unreadable: str = ""

    @property
    def verdict(self) -> str:
        """The verdict: aligned, misaligned, suspicious or cannot-tell."""
        return self.alignment.verdict if self.alignment else CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the file; where its verdict is cannot-tell, nothing speaks for it either."""
        return self.alignment is not None and self.alignment.ok and not self._errors

    @property
    def _errors(self) -> list[Problem]:
        return [oddity for oddity in self.oddities if oddity.severity == "error"]

    @property
    def codes(self) -> list[str]:
        """The codes of what speaks against the file."""
        if self.alignment is None:
            return []
        codes = [problem.code for problem in (*self._errors, *self.alignment.problems)]
        return codes or ([] if self.alignment.ok else [self.alignment.verdict])

    def text(self) -> str:
        """Return what the images show, then what is odd beside the dev set, for people; a line each."""
        if self.alignment is None:
            return f"{self.file}: not checked against the images: {self.unreadable}"
        return "\n".join([self.alignment.text(), *(describe(oddity, self.file) for oddity in self.oddities)])

    def to_dict(self) -> dict[str, Any]:
        """Return the same for `json.dumps`."""
        if self.alignment is None:
            unknown = {"verdict": CANNOT_TELL, "reason": self.unreadable, "tested": [], "not_tested": []}
            return {"alignment": unknown, "oddities": []}
        return {
            "alignment": self.alignment.to_dict(),
            "oddities": [oddity.to_dict() for oddity in self.oddities],
        }


class AlignmentChecker:
    """Checks run files against the images of a test set, of which it knows which labels to expect.

    check = AlignmentChecker(Path("testset"), Path("devset"), config, device="cpu")
    check(Path("run.csv")).ok
    """

    def __init__(
        self,
        test: Path,
        dev: Path,
        config: Config,
        *,
        device: str,
        named: bool = False,
        runs: Sequence[Path] = (),
        minutes: float = MINUTES,
        accept_constant: bool = False,
    ):
        """Learn from the dev set and compute which labels to expect of the test images.

        With `named` from the extractors that the configuration names. Else from the best that are at hand, in this
        order: those that the configuration names, those that the folders of `runs`, the files that will be checked,
        name, then any whose weights are here, the strongest first; as many as an estimated number of `minutes` allows.
        The task is the configuration's. Images that cannot be decoded are left out. `accept_constant`: constant answers
        are a warning. Raises DatasetError for sets that cannot be used.
        """
        self.accept_constant = accept_constant
        self.stand_ins = StandIns(load_dataset(dev, config.task))
        self.task, self.dev_table = self.stand_ins.task, self.stand_ins.dev_table
        dev_set = self.stand_ins.dev_set
        self.test_set: Dataset = load_dataset(test, config.task, labelled=False)
        if named:
            gathered = of_named(dev_set, self.test_set, config, device)
        else:
            config, first = with_extractors_of(config, runs)
            gathered = of_best_at_hand(dev_set, self.test_set, config, device, first=first, minutes=minutes)
        self.evidence = evidence_of(dev_set, self.dev_table, self.test_set, gathered, config)
        self.orders = usual_orders(self.test_set.ids, self._listing())
        self._held_out: dict[Path, dict[str, dict[str, Label]]] = {}  # folder → `held_out_answers` of its files

    def __call__(self, path: Path) -> AlignmentReport:
        """Check one run file."""
        try:
            run, lines = self.stand_ins.read_run(path, self.test_set.ids)
        except LabelFileError as error:
            return AlignmentReport(path, None, (), f"its labels cannot be read ({error.problems[0]})")
        if path.parent not in self._held_out:
            own = held_out_answers(path, self.dev_table, self.stand_ins.original)
            self._held_out[path.parent] = self.stand_ins.held_out(own)
        held_out = self._held_out[path.parent]
        oddities = find_oddities(
            run, self.dev_table, self.task, held_out=held_out, accept_constant=self.accept_constant
        )
        alignment = align(run, self.evidence.expectation, self.orders, held_out or None, lines)
        reason = ""
        if self.evidence.doubt:
            reason = f"the evidence contradicts itself: {self.evidence.doubt}."
        elif self.evidence.far and alignment.verdict == SUSPICIOUS:  # what a sound run would show is not known
            reason = (
                "labels and images show too little relation, but test and dev images seem to be of different kinds, so "
                "a sound run may show no more. Check --dev."
            )
        if reason:
            alignment = replace(
                alignment, verdict=CANNOT_TELL, reason=reason, problems=(), tested=(), not_tested=ANYTHING
            )
        return AlignmentReport(path, alignment, tuple(oddities))

    def _listing(self) -> list[str]:
        """Return the test images in the order in which the disk lists their folder."""
        by_path = {path: image_id for image_id, path in self.test_set.image_paths.items()}
        folders = sorted({path.parent for path in by_path if path.is_file()})
        return [by_path[path] for folder in folders for path in folder.iterdir() if path in by_path]
