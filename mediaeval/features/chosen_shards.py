"""Which records of finished shards belong to a data set and its extractors, and what is wrong with the others."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaeval.errors import FeaturesError, first_few
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.shard_records import ShardRecord
from mediaeval.features.shards import Shard, ids_digest
from mediaeval.features.store import identity_digest
from submission.wording import quoted

Record = tuple[Path, ShardRecord]  # the store that holds it, and the record


@dataclass(frozen=True)
class ChosenShards:
    """The finished shards of a data set, by their number, and those that are in none of the stores."""

    found: Mapping[int, Record]
    missing: tuple[Shard, ...]


def choose_shards(
    records: Sequence[Record], data: Path, ids: Sequence[str], networks: Sequence[FeatureExtractor]
) -> ChosenShards:
    """Return those of `records` that are shards of a data set, computed with `networks`.

    Records of other data sets and extractors are left out, since a store may serve many. Raises FeaturesError, with
    all problems, where none is left, where one shard is in two stores, and where a shard that is needed was computed by
    another network, weights, engine or decoder.
    """
    digest = ids_digest(ids)
    ours = [record for record in records if record[1].digest == digest]
    if not ours:
        raise FeaturesError(*_of_other_data(records, data, len(ids)))
    identities = {network.name: network.identity for network in networks}
    fitting = [record for record in ours if not _differences(record[1], identities)]
    others = [record for record in ours if record not in fitting and set(record[1].identities) & set(identities)]
    splits: dict[int, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in fitting:
        splits[record[1].shard.of][record[1].shard.number].append(record)
    complete = [of for of, found in splits.items() if len(found) == of]
    if not complete and len(splits) > 1:
        raise FeaturesError(
            f"{data}: the stores hold parts of several splits: {_in_words(fitting)}. Compute the missing shards of one "
            "of them; each shard of a split has the same number after the slash."
        )
    of = min(complete or list(splits) or [record[1].shard.of for record in others or ours])
    found = splits[of]
    problems = [
        f"shard {number}/{of} of {data} is in several stores: "
        f"{', '.join(sorted({str(store) for store, _ in twice}))}. Give one of them, or delete the record of the other "
        "in its folder shards/."
        for number, twice in sorted(found.items())
        if len({store for store, _ in twice}) > 1  # one store may have it for several choices of extractors
    ]
    needed = [record for record in others if record[1].shard.of == of and record[1].shard.number not in found]
    problems += [_of_other_vectors(record, identities) for record in needed]
    if problems:
        raise FeaturesError(*problems)
    missing = tuple(Shard(number, of) for number in range(1, of + 1) if number not in found)
    return ChosenShards({number: once[0] for number, once in sorted(found.items())}, missing)


def command_of(data: Path, shard: Shard) -> str:
    """Return the command that computes a shard, without the options that its settings may need."""
    return f"mediaeval features {shlex.quote(str(data))} --shard {shard}"


def _of_other_data(records: Sequence[Record], data: Path, images: int) -> list[str]:
    names = dict.fromkeys(f"{record.data} ({record.images} images)" for _, record in records)
    return [
        f"{data} ({images} images): the stores hold no shard of this list of ids; they hold shards of "
        f"{first_few(names)}. Give that data set, or compute shards of this one: "
        f"{command_of(data, Shard(1, records[0][1].shard.of))} and so on."
    ]


def _in_words(records: Sequence[Record]) -> str:
    return first_few(sorted({str(record.shard) for _, record in records}), 8)


def _of_other_vectors(record: Record, identities: Mapping[str, Mapping[str, Any]]) -> str:
    store, shard = record
    return (
        f"{store}: shard {shard.shard} was computed on {shard.machine.node} otherwise than the settings here say: "
        f"{first_few(_differences(shard, identities), 4)}. Use the settings and weights of that shard, or compute it "
        f"again: {command_of(Path(shard.data), shard.shard)}"
    )


def _differences(record: ShardRecord, identities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return in words how the extractors of a record differ from ours; none where it has them all."""
    found = []
    for name, identity in identities.items():
        theirs = record.identities.get(name)
        if theirs is None:
            found.append(f"extractor '{name}' is absent")
        elif identity_digest(dict(theirs)) != identity_digest(dict(identity)):
            for key in {**theirs, **identity}:
                got, here = theirs.get(key), _as_read(identity.get(key))
                if got != here:
                    found.append(f"extractor '{name}': {key} {quoted(got, 40)}, here {quoted(here, 40)}")
    return found


def _as_read(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples are lists."""
    if isinstance(value, Mapping):
        return {key: _as_read(one) for key, one in value.items()}
    return [_as_read(one) for one in value] if isinstance(value, list | tuple) else value
