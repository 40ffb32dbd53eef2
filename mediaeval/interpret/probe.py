"""Probing a run: how well each layer of its network predicts the labels, by linear models on the layer's outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.data.split import Groups, find_groups, read_groups, read_split
from mediaeval.errors import ConfigError, DatasetError, choose, first_few
from mediaeval.features.images import Images
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.pixels import decoded
from mediaeval.finetune.scoring import EVAL_BATCH
from mediaeval.interpret.activations import Batch, gram_matrices
from mediaeval.interpret.inspectable import InspectableRun, open_inspectable
from mediaeval.interpret.linear_probes import KINDS, SELECTIONS, Fold, Probe, constant_answers, make_folds, run_probe
from mediaeval.progress import progress
from mediaeval.runs import RunFolder
from mediaeval.steps.split import groups_of
from submission.task import Subtask, Task


@dataclass(frozen=True)
class ProbedTap:
    """Results of the probes of one layer; `dimension`: how many numbers it gives per image."""

    name: str
    dimension: int
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Probed:
    """Results of the probes of all layers.

    tested             how many images were tested, each once
    always_trained_on  how many images were in the training part of every fold
    baselines          results of constant predictions
    trained_on         images of another dataset that the network was trained on
    """

    subtask: Subtask
    system: str
    folds: tuple[Fold, ...]
    tested: int
    always_trained_on: int
    taps: tuple[ProbedTap, ...]
    baselines: tuple[Probe, ...]
    trained_on: tuple[str, ...]


@dataclass(frozen=True)
class _Probed:
    """What is probed on: images in order, which of them are tested, and which belong together."""

    dataset: Dataset
    images: Images
    tested: np.ndarray  # bool (n_images,)
    groups: list[str]
    trained_on: tuple[str, ...] = ()


def probe(
    folder: RunFolder,
    task: Task,
    subtask_name: str | None = None,
    *,
    taps: Sequence[str] = (),
    kinds: Sequence[str] = KINDS,
    data: Path | None = None,
    groups: str = "",
    selection: str = "inner",
    folds: int = 5,
    seed: int = 0,
    skip_bad: bool = False,
    device: str = "auto",
) -> Probed:
    """Probe `taps` (without, all taps of the system) of a run's split model.

    On the run's own dev set the validation images are tested, in `folds` parts, each by probes that were trained on the
    training side and the other parts: the network has never seen the tested images, as in Campos et al. 2017. On
    another labelled dataset `data`, all images are tested in plain folds. `groups`: CSV:COLUMN of images that stay
    together (without, for the dev set, those of the run); duplicates always do. `selection` of C: see `run_probe`.
    Raises ConfigError for names that are not known, DatasetError for a dataset without the labels, or other images than
    those the run was made of.
    """
    choose("selection of C", selection, SELECTIONS)
    for kind in kinds:
        choose("kind of probe", kind, KINDS)
    opened = open_inspectable(folder, task, subtask_name, device)
    system, subtask = opened.system, opened.subtask
    known = system.built.taps
    if unknown := [name for name in taps if name not in known]:
        raise ConfigError(f"no tap {first_few(unknown)} in system '{system.system}'. It has: {', '.join(known)}.")
    of = _of_dataset(opened, data, groups, skip_bad) if data else _of_run(opened, groups)
    ids = list(of.images.ids)
    labels = of.dataset.labels(subtask.name).loc[ids].to_numpy()
    parts = make_folds(of.groups, folds, np.random.default_rng(seed), tested=of.tested)
    store = Path(opened.run.config.features.store)
    store.mkdir(parents=True, exist_ok=True)
    found = []
    with progress(f"probes of {folder.path}, {subtask.name}") as advance:
        grams = gram_matrices(
            system.built,
            list(taps) or list(known),
            lambda: _batches(system, of.images),
            len(ids),
            folder=store,
            device=torch.device(opened.run.device),
            on_image=lambda done, total: advance(done, total, "images through the network"),
        )
        for name, gram in grams:
            probes = []
            for kind in kinds:
                advance(0, len(parts), f"folds of {name}, {kind}")
                probes.append(
                    run_probe(
                        kind,
                        gram.matrix,
                        labels,
                        parts,
                        multi_label=subtask.multi_label,
                        groups=of.groups,
                        selection=selection,
                        seed=seed,
                        on_fold=partial(advance, note=f"folds of {name}, {kind}"),
                    )
                )
            found.append(ProbedTap(name, gram.dimension, tuple(probes)))
    always = set(parts[0].train.tolist()).intersection(*(part.train.tolist() for part in parts))
    baselines = constant_answers(labels, parts, multi_label=subtask.multi_label)
    return Probed(
        subtask,
        system.system,
        tuple(parts),
        int(of.tested.sum()),
        len(always),
        tuple(found),
        tuple(baselines),
        of.trained_on,
    )


def _batches(system: SystemModel, images: Images) -> Iterator[Batch]:
    vectors = system.vectors(images)
    pixels = (square for _, square in decoded(images, system.pixels))
    done = 0
    while batch := list(islice(pixels, EVAL_BATCH)):
        yield np.stack(batch), None if vectors is None else vectors[done : done + len(batch)]
        done += len(batch)


def _of_run(opened: InspectableRun, groups: str) -> _Probed:
    """Return the images that the run was made of; those of the validation side are tested."""
    run, manifest = opened.run, opened.run.manifest
    dataset = load_dataset(Path(run.config.data.dev), run.task)
    ids = [i for i in dataset.ids if i not in manifest.left_out]
    sides = read_split(run.folder.split, ids, run.task)
    given = _read_groups(groups or run.config.split.groups, dataset)
    dataset = replace(dataset, ids=tuple(ids), missing=())
    images = run.images(dataset, thumbnails=True)
    if other := [i for i in ids if images.features.contents[i] != manifest.images.get(i)]:
        raise DatasetError(
            f"{dataset.folder}: {len(other)} images are not those that {run.folder.path} was trained on "
            f"({first_few(other)}). Put them back, or train the run again."
        )
    together = groups_of(images.features, ids, given)
    return _Probed(dataset, images, (sides == "val").to_numpy(), together)


def _read_groups(source: str, dataset: Dataset) -> Groups | None:
    return read_groups(find_groups(source, dataset.folder), dataset.task) if source else None


def _of_dataset(opened: InspectableRun, data: Path, groups: str, skip_bad: bool) -> _Probed:
    """Return all images of another dataset, and which of them the network was trained on."""
    run, manifest = opened.run, opened.run.manifest
    dataset = load_dataset(data, run.task)
    dataset.labels(opened.subtask.name)  # raises, before anything is computed, where there are none
    given = _read_groups(groups, dataset)
    images = run.images(dataset, skip_bad=skip_bad, thumbnails=True)
    sides = read_split(run.folder.split, [i for i in manifest.images if i not in manifest.left_out])
    known = {content for i, content in manifest.images.items() if sides.get(i) == "train"}
    return _Probed(
        dataset,
        images,
        np.ones(len(images.ids), bool),
        groups_of(images.features, images.ids, given),
        tuple(i for i in images.ids if images.features.contents[i] in known),
    )
