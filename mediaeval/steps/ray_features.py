"""Features computed by workers of Ray, on one machine or several that share the store.

Ray carries ids and outcomes. Each worker writes finished batches into files of its own in the store, which are absorbed
into the common ones when it ends, however it ends: so a worker, a node or this command can be killed, and what was
finished is not computed again. Ray's data pipelines are not used: with as many workers as processors their stages for
reading and writing were seen to wait for ever, and their own checkpoints saved nothing after a failure.
"""

import contextlib
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.devices import device_kind
from mediaeval.errors import ConfigError, FeaturesError, UserError, WeightsError, first_line
from mediaeval.features.bill import Bill
from mediaeval.features.extract import Features, plain_file
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.store import FeatureStore
from mediaeval.features.worker_store import absorb, new_worker
from mediaeval.progress import progress
from mediaeval.steps.prepare import with_thumbnail
from mediaeval.steps.ray_cluster import cluster_size, ray_cluster
from mediaeval.steps.ray_worker import Image, Outcome, RayWorker, Ready

logger = logging.getLogger(__name__)

CHUNK = 64  # images that a worker is given at once
IN_HAND = 2  # chunks that a worker has: it never waits for the next
AGAIN = 8  # times the workers that may end in a row before one gets on: three bad images side by side end as many
PATIENCE = 120.0  # seconds without any worker
LETTING_GO = 60.0  # seconds that what a lost node ran may take to end
ENDING = 10.0  # seconds that a worker may take to end


def ray_features(
    dataset: Dataset,
    config: Config,
    networks: list[FeatureExtractor],
    device: str,
    *,
    workers: int | None = None,
    address: str | None = None,
    start_seconds: float = 0.0,
) -> Features:
    """Return the features of a data set, thumbnails too, after workers of Ray computed what the store lacks.

    device         resolved: what each worker computes on
    workers        how many; None: one for two processors of the cluster
    address        of a cluster that runs; None: Ray is started on this machine, and ends with this
    start_seconds  that the command took until here, for the bill

    Images that cannot be read are in `failures`. Raises ConfigError where Ray cannot be used, WeightsError and
    FeaturesError where no worker can go on; what was stored is kept.
    """
    begun = time.monotonic()
    store = Path(config.features.store).absolute()
    used = with_thumbnail(config, networks)
    absorb(store)  # of a command that was killed
    cpus = max(os.cpu_count() or 1, workers or 1)
    with ray_cluster(address, cpus) as ray, progress(f"features of {dataset.folder}, by Ray") as advance:
        crew = _Crew(ray, dataset, config, used, device, _how_many(workers, cluster_size(ray, device)), store)
        try:
            for _ in crew.work(dataset.ids):
                advance(crew.done, len(dataset.ids))
        finally:
            crew.end()
    # of ids with the same bytes one vector is needed, whichever workers had them
    needed = len(set(crew.contents.values())) * len({n.name for n in [*used, *(n.source for n in used if n.source)]})
    bill = replace(
        crew.bill,
        images=len(dataset.ids),
        failed=len(crew.failures),
        found=needed - (crew.bill.computed - crew.twice),
        twice=crew.twice,
        start_seconds=start_seconds + crew.start_seconds,
        work_seconds=time.monotonic() - begun - crew.start_seconds,
    )
    files = {network.name: plain_file(FeatureStore(store), network) for network in used}
    contents = {image_id: crew.contents[image_id] for image_id in dataset.ids if image_id in crew.contents}
    for (name, note), images in crew.notes.items():
        logger.info(f"{dataset.folder}: {name}: {images} images: {note}.")
    return Features(contents, crew.failures, files, {}, crew.computed, bill=bill)


def _how_many(workers: int | None, size: tuple[int, str]) -> int:
    most, what = size
    if workers is None:
        return max(most // 2, 1) if what == "processors" else most
    if workers > most:
        raise ConfigError(
            f"--workers: got {workers}; expected no more than the {most} {what} of the Ray cluster. Ask for fewer, or "
            "add nodes."
        )
    return workers


@dataclass
class _Member:
    """A worker: Ray's handle, its name in the store, its node, and how many vectors it has told of."""

    actor: Any
    name: str
    node: str = ""
    computed: int = 0


@dataclass
class _Chunk:
    """Images given out together; `ended`: workers that ended while they had them first."""

    images: list[Image]
    ended: int = 0


@dataclass
class _Crew:
    """The workers, what each has in hand, and what is known of the images so far."""

    ray: ModuleType
    dataset: Dataset
    config: Config
    networks: Sequence[FeatureExtractor]
    device: str
    size: int
    store: Path
    contents: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    computed: Counter[str] = field(default_factory=Counter)
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    bill: Bill = field(default_factory=Bill)
    start_seconds: float = 0.0
    done: int = 0
    last_end: str = ""  # what Ray says of the worker that ended last
    twice: int = 0
    again: int = 0  # workers that may still be started in place of others
    starting: dict[Any, _Member] = field(default_factory=dict)  # Ray's reference → who begins
    names: list[str] = field(default_factory=list)  # of all workers so far
    ready: list[_Member] = field(default_factory=list)
    in_hand: dict[Any, tuple[_Member, _Chunk]] = field(default_factory=dict)  # in the order of giving out

    def work(self, ids: Iterable[str]) -> Iterator[None]:
        """Give out all images; yield after every outcome."""
        todo = deque(self._chunks(ids))
        begun = alone_since = time.monotonic()
        self.again = AGAIN * self.size
        for _ in range(self.size):
            self._start()
        while todo or self.in_hand:
            for member in self.ready:
                while todo and sum(one is member for one, _ in self.in_hand.values()) < IN_HAND:
                    chunk = todo.popleft()
                    self.in_hand[member.actor.compute.remote(chunk.images)] = (member, chunk)
            if self.ready:
                alone_since = time.monotonic()
            elif not self.starting or time.monotonic() - alone_since > PATIENCE:
                raise FeaturesError(
                    f"Ray has no worker left for {sum(len(chunk.images) for chunk in todo)} images: those that were "
                    f"started ended{f' ({self.last_end})' * bool(self.last_end)}, or found no free processor. What was "
                    "stored is kept: run the command again."
                )
            for reference in self._finished():
                if reference in self.starting:
                    member = self.starting.pop(reference)
                    if self._answer(reference, member, todo) is not None:
                        self.ready.append(member)
                        self.start_seconds = self.start_seconds or time.monotonic() - begun
                    else:
                        self._start_again()
                elif reference in self.in_hand:  # not given back already
                    member, chunk = self.in_hand[reference]
                    outcome = self._answer(reference, member, todo)
                    if outcome is not None:
                        del self.in_hand[reference]
                        self._take(outcome, member)
                        self.again = AGAIN * self.size  # it goes on: only ends without progress are counted
                        self.done += len(chunk.images)
                        yield
                    else:
                        self._start_again()

    def end(self) -> None:
        """End the workers and absorb what they stored."""
        for member in [*self.ready, *self.starting.values()]:
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.ray.kill(member.actor)  # at any time: what it stored is whole
        self.twice += sum(absorb(self.store, wait=ENDING, only=name).twice for name in self.names)

    def _chunks(self, ids: Iterable[str]) -> Iterator[_Chunk]:
        ids = list(ids)
        size = max(1, min(CHUNK, -(-len(ids) // (IN_HAND * self.size))))  # so that few images are shared, too
        for k in range(0, len(ids), size):
            yield _Chunk([(image_id, self.dataset.image_paths[image_id]) for image_id in ids[k : k + size]])

    def _start(self) -> None:
        threads = max((os.cpu_count() or 1) // self.size, 1)
        name = new_worker(self.store)
        self.names.append(name)
        gpus = 1 if device_kind(self.device) == "cuda" else 0
        remote = self.ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(RayWorker)
        on = device_kind(self.device)  # Ray shows each worker the GPU that it gives it, and no other
        actor = remote.remote(self.config, Path.cwd(), self.store, name, on, threads)
        self.starting[actor.begin.remote()] = _Member(actor, name)

    def _start_again(self) -> None:
        """Start a worker in place of one that ended, unless too many ended without any progress."""
        if self.again:
            self.again -= 1
            self._start()

    def _finished(self) -> list[Any]:
        waited = [*self.starting, *self.in_hand]
        done, _ = self.ray.wait(waited, num_returns=1, timeout=5.0)
        return list(done)

    def _answer(self, reference: Any, member: _Member, todo: deque[_Chunk]) -> Ready | Outcome | None:
        """Return what a worker answers; None where it ended, after its images were given back.

        Raises WeightsError or FeaturesError for what no other worker could do better, naming the node.
        """
        try:
            answer: Ready | Outcome = self.ray.get(reference)
        except self.ray.exceptions.RayActorError as error:
            self.last_end = first_line(error)[:300]
            self._lost(member, todo)
            return None
        except self.ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            raise FeaturesError(
                f"Ray failed{f' on node {member.node}' * bool(member.node)} ({type(cause).__name__}: "
                f"{first_line(cause)[:300]}). What was stored is kept: run the command again."
            ) from error
        if isinstance(answer, Ready):
            member.node = answer.node
            if not answer.problems:
                self._require_same(answer)
        if answer.problems:
            kind: type[UserError] = WeightsError if isinstance(answer, Ready) else FeaturesError
            raise kind(*(f"worker on node {member.node}: {problem}" for problem in answer.problems))
        return answer

    def _require_same(self, ready: Ready) -> None:
        ours = {network.name: network.identity for network in self.networks}
        others = [name for name, identity in ours.items() if ready.identities.get(name) != identity]
        if others:
            differ = {
                key
                for name in others
                for key in ours[name]
                if ready.identities.get(name, {}).get(key) != ours[name][key]
            }
            raise FeaturesError(
                f"worker on node {ready.node}: computes other features than this machine would ({', '.join(others)}: "
                f"{', '.join(sorted(differ)) or 'absent'}). Every node needs the same libraries, settings and weights."
            )

    def _lost(self, member: _Member, todo: deque[_Chunk]) -> None:
        """Give back what a worker that ended had in hand, after taking what it stored."""
        if member in self.ready:
            self.ready.remove(member)
        with contextlib.suppress(self.ray.exceptions.RayError):
            self.ray.kill(member.actor)  # one that Ray only cannot reach may still compute
        returned = [chunk for one, chunk in self.in_hand.values() if one is member]
        self.in_hand = {ref: (one, chunk) for ref, (one, chunk) in self.in_hand.items() if one is not member}
        logger.warning(f"a worker{f' on node {member.node}' * bool(member.node)} ended; others go on with its images.")
        absorbed = absorb(self.store, wait=LETTING_GO, only=member.name)
        self.twice += absorbed.twice
        self.bill += Bill(computed=max(absorbed.stored - member.computed, 0))  # it told nobody of these
        if returned:
            returned[0].ended += 1  # it was at these
            returned[:1] = self._after_an_end(returned[0])
        todo.extendleft(reversed(returned))

    def _after_an_end(self, chunk: _Chunk) -> list[_Chunk]:
        """Return what to try again: a chunk as it is once, then image by image; an image that ends two is left out."""
        if chunk.ended < 2:
            return [chunk]
        if len(chunk.images) > 1:
            return [_Chunk([image]) for image in chunk.images]
        ((image_id, _),) = chunk.images
        self.failures[image_id] = f"{chunk.ended} workers ended while they computed it"
        self.done += 1
        return []

    def _take(self, outcome: Outcome | Ready, member: _Member) -> None:
        assert isinstance(outcome, Outcome), f"{member.name} answers with an outcome"
        self.contents |= outcome.contents
        self.failures |= outcome.failures
        self.computed.update(outcome.computed)
        self.notes.update({(name, note): n for name, notes in outcome.notes.items() for note, n in notes.items()})
        self.bill += outcome.bill
        member.computed += outcome.bill.computed
