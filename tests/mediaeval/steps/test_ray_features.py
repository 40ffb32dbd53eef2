"""Features by workers of Ray: the same vectors as without, whatever ends on the way, and one sentence where it cannot.

What is decided here is tried with a stand-in for Ray that works in this process; what Ray does is tried with Ray,
where it is installed (`slow`).
"""

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import ConfigError, FeaturesError, WeightsError
from mediaeval.steps import ray_cluster, ray_features
from mediaeval.steps.prepare import build_networks, features_of
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

pytestmark = pytest.mark.integration


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


@dataclass
class FakeRay:
    """Ray's functions that are used; each call of an actor happens when its result is asked for.

    ends  (which call of `compute`, from 0) → the worker ends in it: before or after it stored its vectors
    """

    cpus: int = 4
    ends: dict[int, str] = field(default_factory=dict)
    ends_at: tuple[str, ...] = ()  # ids of images that end every worker
    problems: tuple[str, ...] = ()
    calls: int = 0
    exceptions = SimpleNamespace(RayError=RayError, RayActorError=RayActorError)

    def cluster_resources(self):
        return {"CPU": self.cpus}

    def remote(self, **options):
        def actor_of(cls):
            def made(*arguments):
                actor = SimpleNamespace(worker=cls(*arguments), dead=False)
                for name in ("begin", "compute"):
                    call = SimpleNamespace(remote=lambda *a, name=name: _Call(actor, name, a))
                    setattr(actor, name, call)
                return actor

            return SimpleNamespace(remote=made)

        return actor_of

    def wait(self, references, num_returns, timeout):
        return references[:1], references[1:]

    def get(self, call, timeout=None):
        if call.actor.dead:
            raise RayActorError
        if call.name == "begin" and self.problems:
            return ray_features.Ready("node7", problems=self.problems)
        how = ""
        if call.name == "compute":
            how = self.ends.get(self.calls, "")
            self.calls += 1
            if any(image_id in self.ends_at for image_id, _ in call.arguments[0]):
                how = "before"
        answer = None if how == "before" else getattr(call.actor.worker, call.name)(*call.arguments)
        if how:
            self.kill(call.actor)
            raise RayActorError
        return answer

    def kill(self, actor):
        actor.dead = True
        actor.worker.stack.close()  # as the end of a process does

    def shutdown(self):
        pass


@dataclass(frozen=True, eq=False)
class _Call:
    actor: object
    name: str
    arguments: tuple


@pytest.fixture
def job(make_devset, tmp_path, monkeypatch):
    """A data set of 23 images, two of them with the same bytes, and the settings of its features."""
    devset = make_devset(23)
    (devset / "images/d3.jpg").write_bytes((devset / "images/d17.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    config = load_config(None, task=TASK, use="handcrafted")
    return SimpleNamespace(devset=devset, dataset=load_dataset(devset, TASK), config=config)


def by_ray(job, monkeypatch, ray, workers=2, store="by-ray"):
    monkeypatch.setattr(ray_features, "CHUNK", 4)
    monkeypatch.setattr(ray_features, "ray_cluster", lambda address, cpus: nullcontext(ray))
    config = in_store(job.config, store)
    return ray_features.ray_features(job.dataset, config, build_networks(config, "cpu"), "cpu", workers=workers)


def in_store(config, store):
    return config.model_copy(update={"features": config.features.model_copy(update={"store": store})})


def alone(job, store="alone"):
    config = in_store(job.config, store)
    return features_of(job.dataset, config, build_networks(config, "cpu"), skip_bad=True, thumbnails=True)


def require_same(found, job):
    expected = alone(job)
    assert found.contents == expected.contents
    assert found.failures == expected.failures
    for name in ("handcrafted", "thumbnail"):
        np.testing.assert_array_equal(
            found.block(name, list(found.contents)), expected.block(name, list(found.contents))
        )
        assert not found.files[name].doubles
    assert not (Path("by-ray") / "workers").exists()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_give_what_one_process_gives(job, monkeypatch, workers):
    found = by_ray(job, monkeypatch, FakeRay(), workers)
    require_same(found, job)
    assert (found.bill.images, found.bill.found + found.bill.computed) == (23, 2 * 22 + found.bill.twice)
    again = by_ray(job, monkeypatch, FakeRay(), workers)
    assert (again.bill.computed, again.bill.twice) == (0, 0)


@pytest.mark.parametrize("ends", [{0: "before"}, {2: "after"}, {1: "after", 2: "before", 3: "after"}])
def test_images_of_a_worker_that_ends_go_to_another_and_what_it_stored_is_taken(job, monkeypatch, ends, caplog):
    found = by_ray(job, monkeypatch, FakeRay(ends=ends))
    require_same(found, job)
    assert found.bill.computed == 2 * 22 + found.bill.twice, "what was stored is not computed again"
    assert caplog.text.count("ended; others go on with its images") == len(ends)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_ends_every_worker_is_named_and_the_others_are_computed(job, monkeypatch, workers):
    bad = ("d5", "d19", "d20", "d21")
    found = by_ray(job, monkeypatch, FakeRay(ends_at=bad), workers=workers)
    assert found.failures == dict.fromkeys(bad, "2 workers ended while they computed it")
    assert len(found.contents) == 19


def test_two_damaged_images_are_named_once(job, monkeypatch):
    for name in ("d2", "d9"):
        (job.devset / f"images/{name}.jpg").write_bytes(b"\xff\xd8 no image")
    found = by_ray(job, monkeypatch, FakeRay())
    assert sorted(found.failures) == ["d2", "d9"]
    assert found.bill.failed == 2
    require_same(found, job)


def test_a_worker_that_cannot_begin_names_its_node(job, monkeypatch):
    with pytest.raises(WeightsError, match="worker on node node7: extractor 'x': weights not found"):
        by_ray(job, monkeypatch, FakeRay(problems=("extractor 'x': weights not found: /w.safetensors.",)))
    assert not (Path("by-ray") / "workers").exists()


def test_workers_that_all_end_are_reported_and_what_was_stored_is_kept(job, monkeypatch):
    ends = {0: "after"} | dict.fromkeys(range(1, 50), "before")
    with pytest.raises(FeaturesError, match=r"Ray has no worker left for [12][0-9] images"):
        by_ray(job, monkeypatch, FakeRay(ends=ends), workers=1)
    assert alone(job, "by-ray").bill.found == 2 * 4


def test_no_more_workers_than_processors(job, monkeypatch):
    with pytest.raises(ConfigError, match="--workers: got 5; expected no more than the 4 processors"):
        by_ray(job, monkeypatch, FakeRay(), workers=5)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, r"Ray is not installed. Install it \(pip install 'mediaeval\[ray\]'\)"),
        ("2.9.3", "got Ray 2.9.3; expec"),
    ],
)
def test_ray_that_is_absent_or_old(version, message, monkeypatch):
    def found(name):
        if version is None:
            raise ray_cluster.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(ray_cluster, "version", found)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    with pytest.raises(ConfigError, match=message), ray_cluster.ray_cluster(None, 2):
        pass


def test_options_that_do_not_go_together(job, run):
    assert "expected one of them" in run("features", job.devset, "--ray", "--shard", "1/2", code=2).stderr
    assert "it is for --ray" in run("features", job.devset, "--workers", "2", code=2).stderr
