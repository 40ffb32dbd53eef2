"""Parts of a dataset that machines compute apart: which image belongs to which follows from its id alone."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mediaeval.errors import ConfigError
from submission.names import same_name_key

MOST = 100_000  # shards


def shard_of(image_id: str, of: int) -> int:
    """Return to which of `of` shards an image belongs, counted from 1.

    By the sha256 of the id, so that shards are even whatever ids look like, and an image keeps its shard whatever
    others there are. The two ways in which Unicode writes one letter are one id.

    >>> [shard_of(image_id, 3) for image_id in ("d0", "d1", "d2", "d3")]
    [3, 2, 1, 2]
    """
    digest = hashlib.sha256(same_name_key(image_id).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % of + 1


def ids_digest(ids: Sequence[str]) -> str:
    """Return the sha256 of a data set's ids, hex, in whatever order and form of Unicode they are listed."""
    names = sorted(same_name_key(image_id) for image_id in ids)
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, order=True)
class Shard:
    """One of several parts: `number` from 1 to `of`."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that `3/16` names. Raises ConfigError for anything else."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.of <= MOST:
            hint = " Add 1 to an index that is counted from 0." if shard.number == 0 < shard.of else ""
            raise ConfigError(
                f"--shard: got '{text[:40]}'; expected the number of a shard and how many there are, from 1/16 to "
                f"16/16, say, and of up to {MOST}.{hint}"
            )
        return shard

    def ids(self, ids: Sequence[str]) -> list[str]:
        """Return those of `ids` that belong to this shard, in their order."""
        return [image_id for image_id in ids if shard_of(image_id, self.of) == self.number]
