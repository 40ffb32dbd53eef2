"""Joining finished shards: their vectors are checked and copied into one store by key, and what is missing is named."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mediaeval.data.dataset import Dataset
from mediaeval.errors import FeaturesError
from mediaeval.features.bill import Bill
from mediaeval.features.chosen_shards import ChosenShards
from mediaeval.features.extract import Features, contents_of, extract, plain_file
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.shard_records import Machine
from mediaeval.features.shards import Shard, shard_of
from mediaeval.features.store import FeatureFile, FeatureStore, copy_vectors, image_key
from mediaeval.files import passing_folder

logger = logging.getLogger(__name__)

RECOMPUTED = 20  # images of each other kind of machine
LEAST = 0.9999  # cosine; float32 on two kinds of processors differs in the sixth digit or so


@dataclass(frozen=True)
class Agreement:
    """What another kind of machine computed, compared with the same images computed here."""

    kind: str
    images: int
    extractor: str  # that agrees least
    cosine: float  # its least one


@dataclass(frozen=True)
class Merged:
    """Shards that were joined.

    features        of the data set, as the store holds them now; `computed`: vectors copied, by extractor
    missing_shards  that are in none of the stores
    missing         ids without a vector, though nothing is wrong with their images
    agreements      one of each other kind of machine
    """

    features: Features = field(repr=False)
    missing_shards: tuple[Shard, ...]
    missing: tuple[str, ...]
    agreements: tuple[Agreement, ...]


def merge(
    dataset: Dataset, networks: Sequence[FeatureExtractor], store: FeatureStore, shards: ChosenShards, machine: Machine
) -> Merged:
    """Copy the vectors of shards into a store, and return what it now holds of a data set.

    machine  this one; vectors of other kinds are compared with those of RECOMPUTED images that it computes

    A kill loses nothing: what was copied is found by the next call. Raises FeaturesError, before anything is copied,
    where vectors of another kind of machine have a cosine below LEAST.
    """
    of = next((record.shard.of for _, record in shards.found.values()), 1)
    contents, failures = contents_of(dataset)
    ids_of: dict[int, list[str]] = defaultdict(list)
    for image_id in contents:
        ids_of[shard_of(image_id, of)].append(image_id)
    agreements = tuple(_agreements(dataset, networks, store, shards, machine, contents, ids_of))

    keys_of: dict[Path, dict[bytes, None]] = defaultdict(dict)  # in order, without doubles
    for number, (folder, _) in shards.found.items():
        keys_of[folder].update((image_key(contents[image_id]), None) for image_id in ids_of[number])
    files = {network.name: plain_file(store, network) for network in networks}
    copied: dict[str, int] = {}
    twice = 0
    for network in networks:
        held: set[bytes] = set()
        n_held = copied[network.name] = 0
        for folder, keys in keys_of.items():
            source = plain_file(FeatureStore(folder), network)
            theirs = [key for key, there in zip(keys, source.holds(list(keys)), strict=True) if there]
            if source.damaged:
                logger.warning(f"{source.path}: {source.damaged} damaged records are left out.")
            n_held += len(theirs)
            held.update(theirs)
            copied[network.name] += copy_vectors(source, files[network.name], theirs)
        twice += n_held - len(held)

    without = _without_vectors(contents, list(files.values()))  # an image may have been repaired since
    for _, record in shards.found.values():
        failures |= {image_id: why for image_id, why in record.failures.items() if image_id in without}
    contents = {image_id: content for image_id, content in contents.items() if image_id not in failures}
    missing = _without_vectors(contents, list(files.values()))
    contents = {image_id: content for image_id, content in contents.items() if image_id not in missing}
    bill = sum((record.bill for _, record in shards.found.values()), Bill())
    bill = replace(bill, images=len(dataset.ids), failed=len(failures), twice=bill.twice + twice)
    features = Features(contents, failures, files, {}, copied, bill=bill)
    return Merged(features, shards.missing, tuple(missing), agreements)


def _without_vectors(contents: dict[str, str], files: Sequence[FeatureFile]) -> dict[str, None]:
    """Return the ids that one of `files` has no vector of, in order."""
    ids = list(contents)
    keys = [image_key(contents[image_id]) for image_id in ids]
    whole = np.all([file.holds(keys) for file in files], axis=0) if ids and files else np.ones(len(ids), bool)
    return {image_id: None for image_id, there in zip(ids, whole, strict=True) if not there}


def _agreements(
    dataset: Dataset,
    networks: Sequence[FeatureExtractor],
    store: FeatureStore,
    shards: ChosenShards,
    machine: Machine,
    contents: dict[str, str],
    ids_of: dict[int, list[str]],
) -> Iterator[Agreement]:
    """Compare each other kind of machine with this one. Raises FeaturesError where they differ too much."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, (_, record) in shards.found.items():
        if record.machine.kind != machine.kind:
            by_kind[record.machine.kind].append(number)
    for kind, numbers in by_kind.items():
        of_kind = [(image_id, number) for number in numbers for image_id in ids_of[number]]
        chosen = of_kind[:: max(1, len(of_kind) // RECOMPUTED)][:RECOMPUTED]
        chosen = [(i, number) for i, number in chosen if i not in shards.found[number][1].failures]
        if not chosen:
            continue
        with passing_folder(store.folder) as folder:
            ours = extract(dataset.some([image_id for image_id, _ in chosen]), networks, FeatureStore(folder))
            least = min((_least_cosine(network, chosen, shards, contents, ours), network.name) for network in networks)
        agreement = Agreement(kind, len(chosen), least[1], least[0])
        if agreement.cosine < LEAST:
            raise FeaturesError(
                f"{dataset.folder}: shards computed on another kind of machine ({kind}; shards "
                f"{', '.join(f'{n}' for n in numbers[:8])}) differ from what this machine ({machine.kind}) computes: "
                f"least cosine {agreement.cosine:.6f} for extractor '{agreement.extractor}' of {len(chosen)} images; "
                f"expected {LEAST} or more. Nothing was merged: compute these shards on one kind of machine."
            )
        yield agreement


def _least_cosine(
    network: FeatureExtractor,
    chosen: Sequence[tuple[str, int]],
    shards: ChosenShards,
    contents: dict[str, str],
    ours: Features,
) -> float:
    """Return the least cosine between a shard's vector of an image and ours; 1 where none can be compared."""
    files = {folder: plain_file(FeatureStore(folder), network) for folder, _ in shards.found.values()}
    cosines = [1.0]
    for image_id, number in chosen:
        file, key = files[shards.found[number][0]], image_key(contents[image_id])
        if key in file and image_id in ours.contents:
            cosines.append(cosine(file.read([key])[0], ours.block(network.name, [image_id]).to_numpy()[0]))
    return min(cosines)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two vectors, -1..1; of equal ones 1, also where they are zero."""
    if np.array_equal(a, b):
        return 1.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms else 0.0
