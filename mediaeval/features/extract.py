"""From image files to stored vectors: each image decoded once for all networks, what is stored not computed again."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import local

import numpy as np
import pandas as pd
from PIL import Image

from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, read_image
from mediaeval.errors import FeaturesError, ImageError
from mediaeval.features.network import Network
from mediaeval.features.store import FeatureFile, FeatureStore, image_key, view_key


@dataclass
class Features:
    """The features of one dataset: what was stored, by image id, and why some images have none."""

    contents: dict[str, str]  # image id → sha256 of its bytes
    failures: dict[str, str]  # image id → reason
    files: dict[str, FeatureFile] = field(repr=False)  # extractor name → plain vectors
    view_files: dict[str, FeatureFile] = field(repr=False)  # extractor name → augmented views
    computed: dict[str, int]  # extractor name → vectors that were not in the store

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
    networks: Sequence[Network],
    store: FeatureStore,
    *,
    views: int = 0,
    view_ids: Sequence[str] = (),
    seed: int = 0,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> Features:
    """Make sure that the store holds every network's vector of every image, and return them.

    `views` augmented views of the images in `view_ids` are added, drawn from (`seed`, id, view). An image that
    cannot be read or decoded is told in `failures` and takes part in nothing; no other image's row moves.
    `on_image(done, total)` is called as images are finished. Thumbnail networks get no views. What a network reads
    from another (R for S, say) is computed once and stored, whoever asks for it.
    """
    contents, failures = {}, {}
    for image_id in dataset.ids:
        try:
            contents[image_id], _ = read_image(dataset.image_paths[image_id])
        except ImageError as error:
            failures[image_id] = str(error)

    everyone = {n.name: n for n in [*networks, *(n.source for n in networks if n.source)]}
    files = {n.name: store.open(n.name, {**n.identity, "view": "plain"}, n.width) for n in everyone.values()}
    if views:
        from mediaeval.features.augment import POLICY  # albumentations imports torch: only where views are wanted

        identity = {"view": POLICY, "seed": seed}
    augmented = [n for n in everyone.values() if n.identity["kind"] != "thumbnail"] if views else []
    view_files = {n.name: store.open(f"{n.name}-views", n.identity | identity, n.width) for n in augmented}

    jobs: dict[str, list[_Job]] = {}  # of images, by image, so that a picture is decoded once
    readers: list[_Job] = []  # of vectors: when those of images are there
    with_views = set(view_ids)
    seen: set[tuple[Path, bytes]] = set()

    def want(network: Network, view: int, key: bytes, image_id: str) -> None:
        """Plan one vector, if it is not there; what it is read from first."""
        file = (view_files if view else files)[network.name]
        if key in file or (file.path, key) in seen:  # two ids with the same bytes need their vector once
            return
        seen.add((file.path, key))
        job = _Job(network, file, view, key)
        if network.source:
            want(network.source, view, key, image_id)
            readers.append(job)
        else:
            jobs.setdefault(image_id, []).append(job)

    for image_id, content in contents.items():
        for network in networks:
            want(network, 0, image_key(content), image_id)
            if image_id in with_views and network.name in view_files:
                for view in range(1, views + 1):
                    want(network, view, view_key(content, image_id, view), image_id)

    batches = _Batches()
    pictures = _prepare_all(dataset, contents, jobs, seed, workers or os.cpu_count() or 1)
    for done, (image_id, prepared) in enumerate(pictures, start=1):
        if isinstance(prepared, str):
            failures[image_id] = prepared
        else:
            for job, array in prepared:
                batches.add(job, array)
        on_image(done, len(jobs))
    batches.flush()
    for file in (*files.values(), *view_files.values()):
        file.reload()
    for job in readers:
        source = (view_files if job.view else files)[job.network.source.name]
        if job.key in source:  # not where the image could not be decoded
            batches.add(job, source.get([job.key])[0])
    batches.flush()
    for file in (*files.values(), *view_files.values()):
        file.reload()
    # ids with the same bytes share their outcome: only the first of them was decoded
    bad = {contents[image_id]: reason for image_id, reason in failures.items() if image_id in contents}
    failures |= {image_id: bad[content] for image_id, content in contents.items() if content in bad}
    contents = {image_id: content for image_id, content in contents.items() if content not in bad}
    return Features(contents, failures, files, view_files, computed=batches.computed)


@dataclass(frozen=True)
class _Job:
    """One vector to compute: of an image or, by a network with a source, of that source's vector. View 0 is plain."""

    network: Network
    file: FeatureFile
    view: int
    key: bytes


def _prepare_all(
    dataset: Dataset, contents: dict[str, str], jobs: dict[str, list[_Job]], seed: int, workers: int
) -> Iterator[tuple[str, list[tuple[_Job, np.ndarray]] | str]]:
    """Yield (image id, its prepared arrays or the reason why there are none), in the order of `jobs`."""
    thread = local()

    def view_of(image: Image.Image, image_id: str, view: int) -> Image.Image:
        from mediaeval.features.augment import Augmenter

        if not hasattr(thread, "augmenter"):
            thread.augmenter = Augmenter()
        return thread.augmenter.view(image, seed, image_id, view)

    def prepare(image_id: str) -> list[tuple[_Job, np.ndarray]] | str:
        prepared = []
        try:
            content, data = read_image(dataset.image_paths[image_id])
            if content != contents[image_id]:  # else its vector would be kept as that of the bytes before
                return "the file was changed while features were computed"
            image = decode(data)
            pictures = {0: image}
            for job in jobs[image_id]:
                if job.view not in pictures:
                    pictures[job.view] = view_of(image, image_id, job.view)
                source = data if job.network.from_bytes else pictures[job.view]
                prepared.append((job, job.network.prepare(source)))
        except ImageError as error:
            return str(error)
        return prepared

    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[str, Future]] = []
        todo = iter(jobs)
        try:
            while True:
                # A bounded queue: memory does not grow with the number of images.
                waiting += [(i, pool.submit(prepare, i)) for i in islice(todo, 2 * workers - len(waiting))]
                if not waiting:
                    return
                image_id, future = waiting.pop(0)
                yield image_id, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


class _Batches:
    """Collects prepared arrays a feature file, computes them whenever a batch is full, and stores the vectors.

    A network that can have several batches in flight is given the next while it computes; vectors are stored in the
    order in which their images came.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[_Job, np.ndarray]]] = {}
        self._in_flight: dict[str, deque[tuple[list[_Job], Callable[[], np.ndarray]]]] = {}
        self.computed: Counter[str] = Counter()

    def add(self, job: _Job, array: np.ndarray) -> None:
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
        # one queue a network, not a file: its requests are given out in turn
        started = self._in_flight.setdefault(network.name, deque())
        while len(started) >= network.in_flight:
            self._store(started)
        batch = np.zeros((network.batch, *queue[0][1].shape), queue[0][1].dtype)
        for row, (_, array) in enumerate(queue):
            batch[row] = array
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


def require_complete(features: Features, folder, *, skip_bad: bool) -> None:
    """Raise FeaturesError that names every image without features, unless `skip_bad`."""
    if features.failures and not features.contents and len(set(features.failures.values())) == 1:
        raise FeaturesError(
            f"{folder}: all {len(features.failures)} images: {next(iter(features.failures.values()))}. Give the folder "
            "that holds images/ and its CSV."
        )
    if features.failures and not skip_bad:
        raise FeaturesError(
            *(f"{folder}: {image_id}: {reason}." for image_id, reason in features.failures.items()),
            f"{len(features.failures)} of {len(features.failures) + len(features.contents)} images without features: "
            "mend or replace them, or pass --skip-bad to go on without.",
        )
