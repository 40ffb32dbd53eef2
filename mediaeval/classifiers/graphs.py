"""Work on a GPU as a CUDA graph: recorded once and launched as a whole, where Python would launch every kernel itself.

A step of training a small network is some fifty kernels of a few microseconds each. Launched one by one they wait for
Python; a graph of all steps of an epoch is launched at once (https://docs.pytorch.org/docs/stable/notes/cuda.html,
"CUDA Graphs"). Elsewhere than on a GPU the functions here call what they are given, plainly.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch

from mediaeval.errors import first_line, is_out_of_memory

logger = logging.getLogger(__name__)

R = TypeVar("R")

# Held while one thread warms up and records: CUDA allows one recording at a time, and the precision of products, which
# is read while they are recorded, is one for all threads.
LOCK = threading.RLock()


def captured(
    function: Callable[[], R], device: torch.device, *, restore: Callable[[], None], tf32: bool = False
) -> Callable[[], R]:
    """Return a callable that does what `function` does, on a GPU as one CUDA graph.

    function  works on `device` alone, on the current stream, which is not the default one; it reads and writes tensors
              that stay where they are, and draws no random numbers. What it returns lies in the graph's memory: each
              call writes it anew
    restore   puts back what a call of `function` changes: it is called once or twice before this returns
    tf32      whether float32 matrices are multiplied in TF32

    Where a GPU cannot record it, a warning says so, and the callable calls `function`. Raises what `function` raises
    for the first time, outside a recording, and any error of memory that is short.
    """
    if device.type != "cuda":
        return function
    with LOCK, products_in_tf32(tf32):
        function()  # allocates, chooses kernels and initialises libraries: none of these can be recorded
        restore()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream(device)
        try:
            # thread_local: other threads replay and copy meanwhile
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = function()  # recorded, not computed
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            logger.warning(
                f"The GPU cannot record a CUDA graph ({first_line(error)}); training launches its kernels one by one "
                "instead, which takes longer and gives the same answers."
            )
            restore()
            return _plain(function, tf32)
    return _Replay(graph, result)


def _plain(function: Callable[[], R], tf32: bool) -> Callable[[], R]:
    def call() -> R:
        with LOCK, products_in_tf32(tf32):
            return function()

    return call


class _Replay(Generic[R]):
    """A recorded graph, and what its function returned."""

    def __init__(self, graph: torch.cuda.CUDAGraph, result: R):
        self.graph: torch.cuda.CUDAGraph | None = graph
        self.result = result

    def __call__(self) -> R:
        assert self.graph is not None, "the graph exists until this object ends"
        self.graph.replay()
        return self.result

    def __del__(self) -> None:
        with LOCK:  # torch keeps one list of graphs for all threads
            self.graph = None


@contextlib.contextmanager
def products_in_tf32(tf32: bool) -> Iterator[None]:
    """Multiply float32 matrices on a GPU in TF32 within, or exactly; the setting is the process's, so hold `LOCK`."""
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32" if tf32 else "ieee"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


@contextlib.contextmanager
def on_stream(stream: "torch.cuda.Stream | None") -> Iterator[None]:
    """Work on `stream` within, after what the stream before had to do; None: where there are no streams."""
    if stream is None:
        yield
        return
    stream.wait_stream(torch.cuda.current_stream(stream.device))
    with torch.cuda.stream(stream):
        yield


def new_stream(device: torch.device) -> "torch.cuda.Stream | None":
    """Return a stream of its own on a GPU; None elsewhere."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None
