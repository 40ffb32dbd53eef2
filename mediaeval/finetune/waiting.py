"""How long a training waits for its images."""

import time
from collections.abc import Iterable, Iterator

from mediaeval.training.objective import BatchT


class WaitingTime:
    """The share of the time since the first batch that a training waited for images, in words.

    waited  seconds
    """

    def __init__(self) -> None:
        self.waited, self.since = 0.0, 0.0

    def measured(self, batches: Iterable[BatchT]) -> Iterator[BatchT]:
        """Yield the batches; the time until each of them is there counts as waiting."""
        self.since = self.since or time.perf_counter()
        batches = iter(batches)
        while True:
            begun = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self.waited += time.perf_counter() - begun
            yield batch

    def __str__(self) -> str:
        total = time.perf_counter() - self.since
        return f"{self.waited / total:.0%} of the time waiting for images"
