"""Where the parts of a drawn sample are, and whether a folder is one; importing this needs nothing that draws."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SamplePaths:
    """Where the parts of a drawn sample are."""

    directory: Path

    @property
    def devset(self) -> Path:
        """The folder of devset.csv and its images."""
        return self.directory / "devset"

    @property
    def testset(self) -> Path:
        """The folder of testset.csv and its images."""
        return self.directory / "testset"

    @property
    def truth(self) -> Path:
        """The labels of the test set."""
        return self.directory / "truth.csv"

    @property
    def description(self) -> Path:
        """The JSON file about how the sample was drawn; its presence makes the folder a sample."""
        return self.directory / "sample.json"


def is_sample(directory: Path) -> dict[str, Any] | None:
    """Return what sample.json records about a drawn sample (seed, dev, test, traps, version); None without one."""
    try:
        description = json.loads(SamplePaths(Path(directory)).description.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = {"seed", "dev", "test", "traps", "version"}
    return description if isinstance(description, dict) and keys <= description.keys() else None


def sample_of(folder: Path) -> SamplePaths | None:
    """Return the drawn sample that a folder, or the CSV given in its place, is the dev set or the test set of."""
    folder = folder.parent if folder.is_file() else folder
    for directory in (folder.parent, folder.resolve().parent):  # the first as it was written, for messages
        sample = SamplePaths(directory)
        if is_sample(directory) and folder.resolve() in (sample.devset.resolve(), sample.testset.resolve()):
            return sample
    return None
