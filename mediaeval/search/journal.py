"""The trials of a search on disk: a line of JSON each, and what it answered for every dev image beside it.

    runs/.NAME.tune/
        search.json              what the search is of; a search of anything else is refused
        trials.jsonl             {"number", "params", "settings", "use", "score", "seconds", "failed"}
        trial-0003.safetensors   outputs and decisions out of fold, (n_images, n_labels)

The answers are written before the line, and all lines anew under another name, so that a line that is there is whole.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mediaeval.errors import RunFolderError
from mediaeval.files import write_atomically
from mediaeval.steps.scoring import Answered
from submission.reading import read_regular


@dataclass(frozen=True)
class TrialRecord:
    """One trial. `settings`: as --set takes them; `use`: extractors; `failed`: why there is no score."""

    number: int
    params: dict[str, Any] | None  # as the sampler has them; None: settings that it did not choose
    settings: list[str]
    use: list[str]
    score: float | None
    seconds: float
    failed: str = ""


class Journal:
    """The folder of a search."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.trials: list[TrialRecord] = []

    def open(self, identity: dict[str, Any], *, resume: bool, replace: bool) -> None:
        """Begin a search, or go on with one.

        Raises RunFolderError where there is one of something else, or `resume` was not given.
        """
        header = self.folder / "search.json"
        if self.folder.exists() and replace:
            shutil.rmtree(self.folder)
        if header.is_file():
            known = self._json(header)
            changed = [key for key in identity if known.get(key) != identity[key]]
            if changed:
                got = ", ".join(f"{key} {_short(identity[key])}" for key in changed)
                was = ", ".join(f"{key} {_short(known.get(key))}" for key in changed)
                raise RunFolderError(
                    f"{self.folder} holds a search of something else: {was}; now {got}. Give another name with --run, "
                    "or pass --replace to begin anew."
                )
            self._read()
            if self.trials and not resume:
                raise RunFolderError(
                    f"{self.folder} holds {len(self.trials)} trials. Pass --resume to go on with them, or --replace to "
                    "begin anew."
                )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(header, (json.dumps(identity, indent=2, ensure_ascii=False) + "\n").encode())

    def add(self, record: TrialRecord, answers: Answered | None) -> None:
        """Write a trial; a kill leaves it whole or absent."""
        if answers is not None:
            arrays = {"outputs": answers.outputs, "decisions": answers.decisions}
            data = save({name: np.ascontiguousarray(one) for name, one in arrays.items()})
            write_atomically(self._answers(record.number), data)
        self.trials.append(record)
        lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in self.trials)
        write_atomically(self.folder / "trials.jsonl", lines.encode())

    def answers(self, number: int) -> Answered:
        """Return what a trial answered. Raises RunFolderError when its file is damaged."""
        path = self._answers(number)
        try:
            arrays = load(read_regular(path))
            return Answered(arrays["outputs"], arrays["decisions"])
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise RunFolderError(f"{path} is damaged ({error}). Pass --replace to search anew.") from None

    def _answers(self, number: int) -> Path:
        return self.folder / f"trial-{number:04}.safetensors"

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            read = json.loads(read_regular(path).decode())
        except (OSError, ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise RunFolderError(f"{path} is damaged. Pass --replace to search anew.")
        return read

    def _read(self) -> None:
        path = self.folder / "trials.jsonl"
        if not path.is_file():
            return
        try:
            lines = read_regular(path).decode().splitlines()
            self.trials = [TrialRecord(**json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError, RecursionError):
            raise RunFolderError(f"{path} is damaged. Pass --replace to search anew.") from None
        if [one.number for one in self.trials] != list(range(len(self.trials))):
            raise RunFolderError(f"{path} lacks trials, or holds one twice. Pass --replace to search anew.")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
