"""What a worker of Ray does: it builds the networks once, and stores the vectors of the images that it is given."""

import contextlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import UserError
from mediaeval.features.bill import Bill
from mediaeval.features.extract import extract
from mediaeval.features.worker_store import worker_store
from mediaeval.steps.prepare import build_networks, with_thumbnail

Image = tuple[str, Path]  # id, file


@dataclass(frozen=True)
class Ready:
    """A worker that can compute, or why it cannot."""

    node: str
    identities: dict[str, dict[str, Any]] = field(default_factory=dict)  # extractor → what its vectors follow from
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of some images; see `Features`. `problems`: why none were computed, such as a full disk."""

    contents: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)
    notes: dict[str, dict[str, int]] = field(default_factory=dict)
    bill: Bill = Bill()  # noqa: RUF009 - frozen
    problems: tuple[str, ...] = ()


class RayWorker:
    """One worker, in a process of Ray's.

    folder   in which the command runs; paths in the settings and of images are read from there
    store    absolute; `name`: of the worker in it
    threads  that decode images
    """

    def __init__(self, config: Config, folder: Path, store: Path, name: str, device: str, threads: int):
        self.config, self.folder, self.store_folder, self.name = config, folder, store, name
        self.device, self.threads = device, threads
        self.stack = contextlib.ExitStack()

    def begin(self) -> Ready:
        """Open the worker's store and build the networks."""
        node = platform.node()
        if not self.folder.is_dir():
            return Ready(node, problems=(f"{self.folder}, in which the command runs, is not on this node.",))
        os.chdir(self.folder)
        try:
            self.store = self.stack.enter_context(worker_store(self.store_folder, self.name))
            self.networks = with_thumbnail(self.config, build_networks(self.config, self.device))
        except UserError as error:
            return Ready(node, problems=tuple(error.problems))
        return Ready(node, {network.name: network.identity for network in self.networks})

    def compute(self, images: Sequence[Image]) -> Outcome:
        """Store the vectors of some images, and return what became of them."""
        ids = tuple(image_id for image_id, _ in images)
        dataset = Dataset(self.folder, ids, dict(images), missing=(), table=None)
        try:
            found = extract(dataset, self.networks, self.store, workers=self.threads)
        except UserError as error:
            return Outcome(problems=tuple(error.problems))
        notes = {name: dict(counted) for name, counted in found.notes.items() if counted}
        return Outcome(found.contents, found.failures, dict(found.computed), notes, found.bill)
