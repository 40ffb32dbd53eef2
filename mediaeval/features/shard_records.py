"""What a finished shard leaves beside its vectors: which part of which data set it is, and what computed it.

    STORE/shards/DATA-EXTRACTORS-3-of-16.json

A shard that was killed has no record; what it stored is kept and counts when it runs again.
"""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaeval.devices import gpus
from mediaeval.errors import FeaturesError
from mediaeval.features.bill import Bill
from mediaeval.features.shards import Shard
from mediaeval.features.store import identity_digest
from mediaeval.files import write_atomically
from submission.reading import open_regular

FOLDER = "shards"
FORMAT = 1
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Machine:
    """What computed: name of the node, processor, and the GPU where one did."""

    node: str
    processor: str
    gpu: str = ""

    @property
    def kind(self) -> str:
        """Machines of one kind compute equal vectors, bit for bit."""
        return self.gpu or self.processor

    @classmethod
    def this(cls, device: str) -> "Machine":
        """Return this machine; `device`: as `devices.resolve_device` gives it."""
        number = int(device.partition(":")[2] or 0)
        names = gpus().names if device != "cpu" else ()
        return cls(platform.node(), _processor(), names[number] if number < len(names) else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard.

    data        the data set's folder, for people; `digest`: of its ids; `images`: of the whole data set
    identities  name of an extractor → all that its vectors follow from
    failures    image id → why it has no vectors
    """

    shard: Shard
    data: str
    digest: str
    images: int
    identities: Mapping[str, Mapping[str, Any]]
    machine: Machine
    failures: Mapping[str, str]
    bill: Bill

    def write(self, store: Path) -> Path:
        """Write the record into a store, in place of one of the same shard, and return its path.

        Raises FeaturesError where that is not possible.
        """
        path = store / FOLDER / self._name()
        content = {
            "format": FORMAT,
            "shard": self.shard.number,
            "of": self.shard.of,
            "data": self.data,
            "digest": self.digest,
            "images": self.images,
            "extractors": {name: dict(identity) for name, identity in self.identities.items()},
            "machine": vars(self.machine),
            "failures": dict(self.failures),
            "bill": self.bill.to_dict(),
        }
        try:
            write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise FeaturesError(
                f"{path} cannot be written: {os.strerror(error.errno or 0)}. The vectors of shard {self.shard} are "
                "stored; correct this and run the command again, which writes the record."
            ) from error
        return path

    def _name(self) -> str:
        extractors = identity_digest(dict(self.identities))
        return f"{self.digest[:12]}-{extractors[:12]}-{self.shard.number}-of-{self.shard.of}.json"

    @classmethod
    def read(cls, path: Path) -> "ShardRecord":
        """Return the record in a file. Raises FeaturesError where it is none."""
        try:
            with open_regular(path) as file:
                read = json.loads(file.read(_MOST_BYTES).decode("utf-8", "surrogatepass"))
            if read["format"] != FORMAT:
                raise ValueError(f"format {read['format']}")
            return cls(
                shard=Shard.parse(f"{read['shard']}/{read['of']}"),
                data=_text(read["data"]),
                digest=_text(read["digest"]),
                images=int(read["images"]),
                identities={_text(name): dict(identity) for name, identity in read["extractors"].items()},
                machine=Machine(**{name: _text(value) for name, value in read["machine"].items()}),
                failures={_text(image_id): _text(reason) for image_id, reason in read["failures"].items()},
                bill=Bill.from_dict(read["bill"]),
            )
        except Exception as error:  # a stranger's file may be wrong in many ways
            raise FeaturesError(
                f"{path} is not the record of a shard, or is damaged. Delete it, and run that shard's command again: "
                "what it stored counts."
            ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"got {value!r}; expected text")
    return value


def read_records(stores: Sequence[Path]) -> list[tuple[Path, ShardRecord]]:
    """Return (store, record) of all shards in stores. Raises FeaturesError with all that cannot be read."""
    found, problems = [], []
    for store in stores:
        paths = sorted((store / FOLDER).glob("[!.]*.json"))
        if not store.is_dir():
            problems.append(f"--merge {store}: there is no such folder. Give the store of finished shards.")
        elif not paths:
            problems.append(
                f"--merge {store}: the store holds no finished shard. Run mediaeval features DATA --shard 1/2 and so "
                f"on with this store, or give the store that they wrote into ([features] store, MEDIAEVAL_FEATURES)."
            )
        for path in paths:
            try:
                found.append((store, ShardRecord.read(path)))
            except FeaturesError as error:
                problems += error.problems
    if problems:
        raise FeaturesError(*problems)
    return found
