"""The bill of an extraction: what was computed, found and failed, and the seconds that it took."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Bill:
    """What an extraction cost. Bills of parts are added: one of each dataset, shard or worker.

    images         that were asked for
    failed         of these, images without vectors
    decoded        of these, images that were decoded, since something of them was not stored
    found          vectors that the store held already, of all extractors; of ids with the same bytes one
    computed       vectors that were computed and stored
    twice          of these, vectors that another process computed as well, so that one of the two is not needed
    start_seconds  until the first image could be computed: libraries, networks, workers
    work_seconds   from then on: reading, computing, storing
    """

    images: int = 0
    failed: int = 0
    decoded: int = 0
    found: int = 0
    computed: int = 0
    twice: int = 0
    start_seconds: float = 0.0
    work_seconds: float = 0.0

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Bill)})

    def followed_by(self, other: "Bill") -> "Bill":
        """Return the bill of two extractions of the same images, of which the other was the second."""
        return replace(self + other, images=other.images, failed=other.failed, found=self.found)

    @property
    def images_per_second(self) -> float:
        """Images decoded per second of work; 0 where none were."""
        return self.decoded / self.work_seconds if self.decoded and self.work_seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON; seconds to the millisecond."""
        numbers = {name: round(value, 3) for name, value in asdict(self).items()}
        return numbers | {"images_per_second": round(self.images_per_second, 3)}

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "Bill":
        """Return the bill that `to_dict` wrote. Raises KeyError or TypeError for something else."""
        return cls(**{field.name: _number(read[field.name]) for field in fields(cls)})

    def in_words(self) -> str:
        """Return one line for people.

        >>> Bill(images=9, failed=1, decoded=4, found=5, computed=4, start_seconds=1.25, work_seconds=2).in_words()
        'computed 4 vectors, found 5; 1 image failed; start 1.2 s, work 2.0 s, 2.0 images/s'
        """
        twice = f", {self.twice} of them twice" if self.twice else ""
        failed = f"; {self.failed} image{'s' * (self.failed != 1)} failed" if self.failed else ""
        rate = f", {self.images_per_second:.1f} images/s" if self.decoded else ""
        return (
            f"computed {self.computed} vector{'s' * (self.computed != 1)}{twice}, found {self.found}{failed}; "
            f"start {self.start_seconds:.1f} s, work {self.work_seconds:.1f} s{rate}"
        )


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise TypeError(f"got {value!r}; expected a number that is not negative")
    return value
