"""Work on a GPU as a CUDA graph: recorded once and launched as a whole, where Python would launch every kernel itself.

A step of training a small network is some fifty kernels of a few microseconds each. Launched one by one they wait for
Python; a graph of all steps of an epoch is launched at once (https://docs.pytorch.org/docs/stable/notes/cuda.html,
"CUDA Graphs"). Elsewhere than on a GPU the functions here call what they are given, plainly.
"""

import contextlib
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch

from mediaeval.errors import first_line, is_out_of_memory

logger = logging.getLogger(__name__)

R = TypeVar("R")

# Held while one thread warms up and records, or launches what it recorded: CUDA records one graph at a time, torch's
# generator, which every launch prepares, must not be told of a launch meanwhile, and the precision of products, which
# is read while they are recorded, is one for all threads.
LOCK = threading.RLock()

_of_thread = threading.local()
_taken: set[int] = set()  # handles of the streams that threads have


def captured(
    function: Callable[[], R], device: torch.device, *, restore: Callable[[], None], tf32: bool = False
) -> Callable[[], R]:
    """Return a callable that does what `function` does, on a GPU as one CUDA graph.

    function  works on `device` alone, on the current stream, which is not the default one; it reads and writes tensors
              that stay where they are, and draws no random numbers. What it returns lies in the graph's memory: each
              call writes it anew
    restore   puts back what a call of `function` changes, by work on the stream alone; it is called before this returns
    tf32      whether float32 matrices are multiplied in TF32

    Where a GPU cannot record it, a warning says so, and the callable calls `function`. Raises what `function` raises
    for the first time, outside a recording, and any error of memory that is short.
    """
    if device.type != "cuda":
        return function
    with LOCK, _collecting_no_garbage(), products_in_tf32(tf32):
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
            # a recording that succeeds tells torch's generator, which launches of other graphs ask, that none goes on
            spare = torch.cuda.CUDAGraph()
            with (
                contextlib.suppress(RuntimeError),
                torch.cuda.graph(spare, stream=stream, capture_error_mode="thread_local"),
            ):
                restore()
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
        with LOCK:
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
    if stream is None or stream == torch.cuda.current_stream(stream.device):
        yield
        return
    stream.wait_stream(torch.cuda.current_stream(stream.device))
    with torch.cuda.stream(stream):
        yield


def own_stream(device: torch.device) -> "torch.cuda.Stream | None":
    """Return the stream of this thread on a GPU, the same each time; None elsewhere.

    It is no other thread's: what that launches while this one records would be recorded too. And it is one, since
    cuBLAS keeps memory for every stream that it has seen.
    """
    if device.type != "cuda":
        return None
    streams: dict[int, torch.cuda.Stream] = _of_thread.__dict__.setdefault("streams", {})
    number = torch.cuda.current_device() if device.index is None else device.index
    with LOCK:
        for _ in range(64):  # torch has 32 streams, and gives them out in turn
            if number in streams:
                break
            stream = torch.cuda.Stream(device)
            if stream.cuda_stream not in _taken:
                _taken.add(stream.cuda_stream)
                streams[number] = stream
    assert number in streams, "more threads train on one GPU than torch has streams"
    return streams[number]


@contextlib.contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Keep Python from ending objects that nobody uses, old graphs among them, while another is recorded."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
