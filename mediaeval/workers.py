"""Processes that compute beside this one, for work that holds the interpreter's lock: decoding and resizing images.

    python -m mediaeval.workers FD BYTES    the other side: reads work from stdin, answers on stdout

Each worker is a process of its own that is fed by a thread of ours. Arrays of an answer come back through memory that
both share, all else through a pipe. A worker is no fork: it has none of this process's threads, GPU or locks, and a
script that calls the toolkit needs no `if __name__ == "__main__"`. It ends when its pipe is closed, so none is left
behind by a process that was killed.
"""

import io
import mmap
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from mediaeval.batches import map_ahead

A = TypeVar("A")

SHARED = 32 << 20  # bytes of memory shared with each worker; what does not fit comes through the pipe
ALIGNED = 64
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"], "1")  # in each


class WorkerEndedError(Exception):
    """A worker ended in the middle of its work; the message says how."""


def map_in_workers(
    function: Callable[[A], Any], items: Iterable[A], workers: int, chunk: int, broken: Callable[[str], Any]
) -> Iterator[tuple[A, Any]]:
    """Yield (item, function(item)) in the order of `items`, computed by so many processes.

    function  can be pickled, as can items and results
    chunk     items that a worker is given at once
    broken    gives the result of an item at which its worker ended, as a damaged file can make a decoder end; its
              argument says in words how

    What `function` raises is raised here.
    """
    pool: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
    for _ in range(workers):
        pool.put(None)  # started by the thread that needs it first, so that all start at once
    begun: list[_Worker] = []

    def computed(part: Sequence[A]) -> list[Any]:
        worker = pool.get()
        try:
            if worker is None:
                worker = _Worker(function)
                begun.append(worker)
            return worker.compute(part)
        except WorkerEndedError as error:
            worker = None
            if len(part) == 1:
                return [broken(str(error))]
        finally:
            pool.put(worker)
        return [result for item in part for result in computed([item])]  # one of them made it end

    waiting = iter(items)
    parts = iter(lambda: list(islice(waiting, chunk)), [])
    try:
        for part, results in map_ahead(computed, parts, workers):
            yield from zip(part, results, strict=True)
    finally:
        for worker in begun:
            worker.end()


class _Worker:
    """One process, from our side."""

    def __init__(self, function: Callable[[Any], Any]):
        self.shared, descriptor = _shared_memory()
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mediaeval.workers", str(descriptor), str(SHARED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=() if descriptor < 0 else (descriptor,),
            env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
            process_group=0 if os.name == "posix" else None,  # Ctrl-C is for us
        )
        if descriptor >= 0:
            os.close(descriptor)
        self._send(function)

    def compute(self, part: Sequence[Any]) -> list[Any]:
        """Return the results of a part. Raises WorkerEndedError, and what the function raised."""
        self._send(part)
        assert self.process.stdout is not None, "it was opened with pipes"
        try:
            answer, sizes = pickle.load(self.process.stdout)
        except (EOFError, pickle.UnpicklingError):
            raise self._ended() from None
        if isinstance(answer, Exception):
            raise answer
        buffers, start = [], 0
        for size in sizes:
            if isinstance(size, int):
                assert self.shared is not None, "it was written to"
                buffers.append(bytearray(self.shared[start : start + size]))
                start += -(-size // ALIGNED) * ALIGNED
            else:
                buffers.append(size)  # the bytes themselves
        results: list[Any] = pickle.loads(answer, buffers=buffers)
        return results

    def _send(self, what: Any) -> None:
        assert self.process.stdin is not None, "it was opened with pipes"
        try:
            pickle.dump(what, self.process.stdin, protocol=5)
            self.process.stdin.flush()
        except (BrokenPipeError, ConnectionResetError):
            raise self._ended() from None

    def _ended(self) -> WorkerEndedError:
        status = self.process.wait()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return WorkerEndedError(f"{how}{'; is memory short?' if status == -9 else ''}")

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.communicate()


def _shared_memory() -> tuple[mmap.mmap | None, int]:
    """Return memory to share and its file descriptor; (None, -1) where there is no file without a name."""
    if not hasattr(os, "memfd_create"):  # neither Linux nor FreeBSD
        return None, -1
    descriptor = os.memfd_create("mediaeval")  # not in /dev/shm, of which containers have 64 MB
    os.ftruncate(descriptor, SHARED)
    return mmap.mmap(descriptor, SHARED), descriptor


# --- the other side -------------------------------------------------------------------------------------------------


def _main(descriptor: int, size: int) -> None:
    shared = mmap.mmap(descriptor, size) if descriptor >= 0 else None
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    try:
        function: Callable[[Any], Any] = pickle.load(stdin)  # from the process that started this one
        while True:
            part = pickle.load(stdin)
            stdout.write(_answer(function, part, shared))
            stdout.flush()
    except (EOFError, BrokenPipeError):
        return


def _answer(function: Callable[[Any], Any], part: Sequence[Any], shared: mmap.mmap | None) -> bytes:
    """Return the results of a part, pickled, with the sizes of their arrays in shared memory, or these arrays."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        answer: Any = pickle.dumps([function(item) for item in part], protocol=5, buffer_callback=buffers.append)
    except Exception as error:  # whatever the function raises is raised on the other side
        return pickle.dumps((_sendable(error), []))
    sizes: list[int | bytes] = []
    start = 0
    for buffer in buffers:
        raw = buffer.raw()
        room = -(-raw.nbytes // ALIGNED) * ALIGNED
        if shared is not None and start + room <= len(shared):
            shared[start : start + raw.nbytes] = raw
            sizes.append(raw.nbytes)
            start += room
        else:
            sizes.append(bytes(raw))
    whole = io.BytesIO()
    pickle.dump((answer, sizes), whole, protocol=5)
    return whole.getvalue()


def _sendable(error: Exception) -> Exception:
    """Return an error, or in its place one of the same words where it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an error of a library may need arguments that pickle does not keep
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
