"""Trainings on one GPU at the same time, each in a thread with a stream of its own.

A small network leaves most of a GPU idle between its kernels; a second one fills the gaps. What a training learns does
not depend on what runs beside it: each has its own generator, graphs and workspace. Processors train one network after
another.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from mediaeval.errors import is_out_of_memory

logger = logging.getLogger(__name__)

AT_ONCE = 6  # trainings: by then a GPU is busy, and each holds its features, views included, on the host and the GPU

R = TypeVar("R")
NAME = "side by side"  # of the threads
GoOn = Callable[[], None]  # to be called now and then by work in a thread: ends it where the command was interrupted
Work = Callable[[GoOn], R]


class Interrupted(Exception):  # noqa: N818 - not an error
    """The command was interrupted while this training ran beside others."""


def in_turn(works: Sequence[Work[R]]) -> Iterator[R]:
    """Yield the result of each work, done when it is asked for."""
    for work in works:
        yield work(lambda: None)


def side_by_side(works: Sequence[Work[R]], device: str) -> list[Future[R]]:
    """Do all works at the same time on `device`; return their results, or what they raised, in their order.

    Works for which the GPU's memory was short beside the others are done again alone, which is logged.
    """
    import torch  # takes seconds, and this module is imported where nothing is trained

    from mediaeval.classifiers.graphs import on_stream, own_stream

    assert not threading.current_thread().name.startswith(NAME), "what runs beside others starts no others"
    stop = threading.Event()
    stream_of = torch.device(device)

    def go_on() -> None:
        if stop.is_set():
            raise Interrupted

    def on_own_stream(work: Work[R]) -> R:
        stream = own_stream(stream_of)
        with on_stream(stream):
            result = work(go_on)
        if stream is not None:
            stream.synchronize()  # another thread goes on with the result
        return result

    done = [_threads().submit(on_own_stream, work) for work in works]
    try:
        for one in done:
            one.exception()  # waits
    except BaseException:
        stop.set()
        for one in done:
            one.cancel()
        wait(done)
        raise
    short = [k for k, one in enumerate(done) if _was_short_of_memory(one)]
    if short and len(works) > 1:
        logger.warning(
            f"The GPU's memory is not enough for {len(works)} trainings side by side; {len(short)} of them run again, "
            "one after another, with the same results."
        )
        for k in short:
            done[k] = Future()  # in place of an error that keeps hold of what had been allocated
        for k in short:
            torch.cuda.empty_cache()
            try:
                done[k].set_result(on_own_stream(works[k]))
            except Exception as error:
                done[k].set_exception(error)
    return done


@cache  # cuBLAS keeps memory for each thread and stream, so they stay
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix=NAME)


def _was_short_of_memory(done: Future[R]) -> bool:
    error = done.exception()
    return error is not None and is_out_of_memory(error)
