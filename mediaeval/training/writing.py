"""The two files of an epoch, written at once or, so that a GPU need not wait for a disk, beside the next epoch."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor


class Writer:
    """Calls functions that write files: at once, or one after the other in a thread; used as a context.

    beside  whether they are called in a thread. What they write has to be copied before, see `copied`. What one raises
            is raised by the next `write`, or on leaving the context, which waits for the last one.
    """

    def __init__(self, *, beside: bool):
        self.pool = ThreadPoolExecutor(1) if beside else None
        self.pending: Future[None] | None = None

    def write(self, function: Callable[[], None]) -> None:
        """Call `function`, at once or in the thread, when those before it are done."""
        if self.pool is None:
            function()
            return
        self._wait()
        self.pending = self.pool.submit(function)

    def _wait(self) -> None:
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._wait()
        finally:
            if self.pool is not None:
                self.pool.shutdown()


def copied(value: Any) -> Any:
    """Return dictionaries and lists with all tensors in them as copies in the main memory.

    The next steps of a training change the tensors themselves. A GPU is waited for once.
    """
    copy = _copied(value)
    if torch.cuda.is_initialized():
        torch.cuda.current_stream().synchronize()
    return copy


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
