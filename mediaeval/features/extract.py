"""From image files to stored vectors: each image is decoded once for all networks, nothing stored is computed again."""

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.batches import map_ahead, padded
from mediaeval.data.dataset import Dataset
from mediaeval.data.images import read_image
from mediaeval.errors import FeaturesError, ImageError
from mediaeval.features.bill import Bill
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.preparing import Preparer, Task, prepare_all, processes_pay
from mediaeval.features.store import FeatureFile, FeatureStore, image_key, view_key


@dataclass
class Features:
    """The features of one dataset: what is stored, by image id, and why some images have none."""

    contents: dict[str, str]  # image id → sha256 of its bytes, hex
    failures: dict[str, str]  # image id → reason
    files: dict[str, FeatureFile] = field(repr=False)  # extractor name → plain vectors
    view_files: dict[str, FeatureFile] = field(repr=False)  # extractor name → augmented views
    computed: dict[str, int]  # extractor name → vectors that were not in the store
    notes: dict[str, Counter[str]] = field(default_factory=dict, repr=False)  # extractor name → its `notes` of these
    bill: Bill = field(default_factory=Bill)  # what these cost

    def block(self, name: str, ids: Sequence[str]) -> pd.DataFrame:
        """Return the features of one extractor, float32: ids × width."""
        keys = [image_key(self.contents[i]) for i in ids]
        return pd.DataFrame(self.files[name].get(keys), index=pd.Index(ids, name="id"))

    def matrix(self, names: Sequence[str], ids: Sequence[str]) -> np.ndarray:
        """Return the blocks of `names` side by side, float32 (n_ids, sum of widths), rows in the order of `ids`."""
        return np.concatenate([self.block(name, ids).to_numpy() for name in names], axis=1)

    def views(self, names: Sequence[str], ids: Sequence[str], n_views: int) -> np.ndarray:
        """Return augmented views, float32 (n_ids, n_views, sum of widths), rows in the order of `ids`."""
        keys = [view_key(self.contents[i], i, view) for i in ids for view in range(1, n_views + 1)]
        blocks = [self.view_files[name].get(keys) for name in names]
        return np.concatenate(blocks, axis=1).reshape(len(ids), n_views, -1)


def extract(
    dataset: Dataset,
    networks: Sequence[FeatureExtractor],
    store: FeatureStore,
    *,
    views: int = 0,
    view_ids: Sequence[str] = (),
    seed: int = 0,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> Features:
    """Return the vectors of every network for every image, after computing those that the store lacks.

    views      augmented views per image of `view_ids`, drawn from (`seed`, id, view); thumbnails get none
    on_image   called with (done, total) as images are finished
    workers    threads that decode and prepare images; None: as many as there are processors

    An image that cannot be read or decoded is named in `failures` and left out of everything else; the rows of the
    others do not change. What a network reads from another (R for S, say) is computed and stored once, whoever asks
    for it.
    """
    begun = time.monotonic()
    contents, failures = contents_of(dataset, workers)

    everyone = {n.name: n for n in [*networks, *(n.source for n in networks if n.source)]}
    files = {n.name: plain_file(store, n) for n in everyone.values()}
    view_files = _open_view_files(everyone.values(), store, seed) if views else {}

    plan = _Plan(networks, files, view_files, contents, frozenset(view_ids), views)
    todo, lacking = plan.lacking()
    n_found = _vectors_found(files, view_files, contents, view_ids, views)
    doubles = sum(file.doubles for file in (*files.values(), *view_files.values()))
    building = time.monotonic()
    networks = [n.built() if n.name in lacking else n for n in networks]  # what is stored needs no network
    # built ones last: a network that lacks nothing may read one that is not built here
    all_of_them = [*(n.source for n in networks if n.source), *networks]
    everyone = {n.name: n for n in sorted(all_of_them, key=lambda n: n.build is None)}
    start_seconds = time.monotonic() - building
    plan = _Plan(networks, files, view_files, contents, frozenset(view_ids), views)
    batches = _Batches()
    computing = [n for n in everyone.values() if n.name in lacking]
    jobs: dict[str, list[_Job]] = {}  # of the images that are being prepared

    def task(image_id: str) -> Task:
        jobs[image_id] = plan.of_image(image_id)
        names = tuple((job.network.name, job.view) for job in jobs[image_id])
        return Task(image_id, dataset.image_paths[image_id], contents[image_id], names)

    arrays = prepare_all(
        Preparer.of([n for n in computing if not n.source], seed),
        map(task, todo),
        len(todo),
        processes=processes_pay(computing),
        workers=workers,
    )
    for done, (prepared_task, prepared) in enumerate(arrays, start=1):
        image_id = prepared_task.image_id
        if isinstance(prepared, str):
            failures[image_id] = prepared
        else:
            for job, array in zip(jobs[image_id], prepared, strict=True):
                batches.add(job, array)
        del jobs[image_id]
        on_image(done, len(todo))
    batches.flush()
    for file in (*files.values(), *view_files.values()):
        file.reload()
    for job in chain.from_iterable(plan.of_vectors(image_id) for image_id in contents):
        vectors = (view_files if job.view else files)[job.source.name]
        if job.key in vectors:  # absent where the image could not be decoded
            batches.add(job, vectors.get([job.key])[0])
    batches.flush()
    for file in (*files.values(), *view_files.values()):
        file.reload()
    # ids with the same bytes share their outcome: only the first of them was decoded
    bad = {contents[image_id]: reason for image_id, reason in failures.items() if image_id in contents}
    failures |= {image_id: bad[content] for image_id, content in contents.items() if content in bad}
    contents = {image_id: content for image_id, content in contents.items() if content not in bad}
    notes = {n.name: Counter(n.notes) for n in networks}
    for network in networks:
        network.notes.clear()
    bill = Bill(
        images=len(dataset.ids),
        failed=len(failures),
        decoded=len(todo),
        found=n_found,
        computed=batches.computed.total(),
        twice=sum(file.doubles for file in (*files.values(), *view_files.values())) - doubles,
        start_seconds=start_seconds,
        work_seconds=time.monotonic() - begun - start_seconds,
    )
    return Features(contents, failures, files, view_files, batches.computed, notes, bill)


def _vectors_found(
    files: dict[str, FeatureFile],
    view_files: dict[str, FeatureFile],
    contents: dict[str, str],
    view_ids: Sequence[str],
    views: int,
) -> int:
    """Return how many of the vectors that are needed are stored, each counted once however many ids share it."""
    plain = [image_key(content) for content in dict.fromkeys(contents.values())]
    drawn = [view_key(contents[i], i, view) for i in view_ids if i in contents for view in range(1, views + 1)]
    return sum(file.count(plain) for file in files.values()) + sum(file.count(drawn) for file in view_files.values())


def _processors() -> int:
    return os.cpu_count() or 1


def plain_file(store: FeatureStore, network: FeatureExtractor) -> FeatureFile:
    """Return the file of a network's vectors of images as they are."""
    return store.open(network.name, {**network.identity, "view": "plain"}, network.width)


def contents_of(dataset: Dataset, workers: int | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the sha256 of each image's bytes, hex, by id, and by id why the others cannot be read.

    workers  threads that read; None: as many as there are processors
    """
    contents: dict[str, str] = {}
    failures: dict[str, str] = {}
    for image_id, found in map_ahead(lambda i: _digest(dataset.image_paths[i]), dataset.ids, workers or _processors()):
        if isinstance(found, ImageError):
            failures[image_id] = str(found)
        else:
            contents[image_id] = found
    return contents, failures


def _digest(path: Path) -> str | ImageError:
    try:
        return read_image(path)[0]
    except ImageError as error:
        return error


def _open_view_files(networks: Iterable[FeatureExtractor], store: FeatureStore, seed: int) -> dict[str, FeatureFile]:
    """Return the files of augmented views by network; thumbnails have none."""
    from mediaeval.features.augment import POLICY  # albumentations imports torch: only where views are drawn

    identity = {"view": POLICY, "seed": seed}
    augmented = [n for n in networks if n.identity["kind"] != "thumbnail"]
    return {n.name: store.open(f"{n.name}-views", n.identity | identity, n.width) for n in augmented}


@dataclass(frozen=True, slots=True)
class _Job:
    """One vector to compute: of an image or, for a network with a source, of that source's vector. View 0 is plain."""

    network: FeatureExtractor
    file: FeatureFile
    view: int
    key: bytes

    @property
    def source(self) -> FeatureExtractor:
        """The network whose vector is read; only networks that read vectors have one."""
        assert self.network.source is not None, f"{self.network.name} reads images"
        return self.network.source


class _Plan:
    """What the store lacks, worked out image by image: a list of all of it would not fit into memory.

    What was stored when the files were last loaded counts, so the jobs of an image are the same whenever asked for.
    """

    def __init__(
        self,
        networks: Sequence[FeatureExtractor],
        files: dict[str, FeatureFile],
        view_files: dict[str, FeatureFile],
        contents: dict[str, str],
        with_views: frozenset[str],
        views: int,
    ):
        self._networks, self._files, self._view_files = networks, files, view_files
        self._contents, self._with_views, self._views = contents, with_views, views
        # ids with the same bytes need their vector once: the first one's; views differ, being drawn by id
        first = {content: image_id for image_id, content in reversed(contents.items())}
        self._twins = {image_id for image_id, content in contents.items() if first[content] != image_id}

    def lacking(self) -> tuple[list[str], set[str]]:
        """Return the ids of images that something is to be computed from, and the names of what is to compute."""
        todo: list[str] = []
        names: set[str] = set()
        for image_id in self._contents:
            jobs = self._of(image_id)
            names.update(job.network.name for job in jobs)
            if any(not job.network.source for job in jobs):
                todo.append(image_id)
        return todo, names

    def of_image(self, image_id: str) -> list[_Job]:
        """Return what is to be computed from the image, including the sources of networks that read vectors."""
        return [job for job in self._of(image_id) if not job.network.source]

    def of_vectors(self, image_id: str) -> list[_Job]:
        """Return what is to be computed from the vectors of other networks."""
        return [job for job in self._of(image_id) if job.network.source]

    def _of(self, image_id: str) -> list[_Job]:
        content = self._contents[image_id]
        views = range(0, self._views + 1) if image_id in self._with_views else (0,)
        jobs: dict[tuple[str, int], _Job] = {}
        for view in views:
            if not view and image_id in self._twins:
                continue
            key = view_key(content, image_id, view) if view else image_key(content)
            files = self._view_files if view else self._files
            for network in self._networks:
                # together with what it reads, where that is absent too
                lacking: FeatureExtractor | None = network
                while lacking and lacking.name in files and key not in files[lacking.name]:
                    jobs[lacking.name, view] = _Job(lacking, files[lacking.name], view, key)
                    lacking = lacking.source
        return list(jobs.values())


class _Batches:
    """Collects prepared arrays per feature file, computes them whenever a batch is full, and stores the vectors.

    A network that can have several batches in flight is given the next while it computes; vectors are stored in the
    order of their images.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[_Job, np.ndarray]]] = {}
        self._in_flight: dict[str, deque[tuple[list[_Job], Callable[[], np.ndarray]]]] = {}
        self._begun: set[Path] = set()
        self.computed: Counter[str] = Counter()

    def add(self, job: _Job, array: np.ndarray) -> None:
        if job.file.path not in self._begun:  # a store that lacks nothing may be one that cannot be written to
            job.file.begin()
            self._begun.add(job.file.path)
        queue = self._waiting.setdefault(job.file.path.name, [])
        queue.append((job, array))
        if len(queue) == job.network.batch:
            self._start(queue)

    def flush(self) -> None:
        for queue in self._waiting.values():
            if queue:
                self._start(queue)
        for started in self._in_flight.values():
            while started:
                self._store(started)

    def _start(self, queue: list[tuple[_Job, np.ndarray]]) -> None:
        network = queue[0][0].network
        # a queue per network, not per file: its requests are given out in turn
        started = self._in_flight.setdefault(network.name, deque())
        while len(started) >= network.in_flight:
            self._store(started)
        batch = padded(np.stack([array for _, array in queue]), network.batch)
        if network.start is None:
            vectors = network.forward(batch)
            started.append(([job for job, _ in queue], lambda: vectors))
        else:
            started.append(([job for job, _ in queue], network.start(batch)))
        queue.clear()

    def _store(self, started: deque[tuple[list[_Job], Callable[[], np.ndarray]]]) -> None:
        jobs, wait = started.popleft()
        jobs[0].file.append([job.key for job in jobs], wait()[: len(jobs)])
        self.computed[jobs[0].network.name] += len(jobs)


def require_complete(features: Features, folder: Path, *, skip_bad: bool) -> None:
    """Raise FeaturesError that names every image without features, unless `skip_bad`; `folder`: of the dataset."""
    if features.failures and not features.contents and len(set(features.failures.values())) == 1:
        raise FeaturesError(
            f"{folder}: all {len(features.failures)} images: {next(iter(features.failures.values()))}. Give the folder "
            "that holds images/ and its CSV."
        )
    if features.failures and not skip_bad:
        raise FeaturesError(
            *(f"{folder}: {image_id}: {reason}." for image_id, reason in features.failures.items()),
            f"{len(features.failures)} of {len(features.failures) + len(features.contents)} images without features: "
            "repair or replace them, or pass --skip-bad to go on without them.",
        )
