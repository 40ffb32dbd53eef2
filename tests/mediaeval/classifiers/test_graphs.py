"""Work recorded as CUDA graphs: what surrounds the recording; one that fails gives a warning and changes nothing."""

import contextlib
import gc
import logging
import threading

import pytest
import torch

from mediaeval.classifiers import graphs
from mediaeval.classifiers.graphs import captured, on_stream, own_stream, products_in_tf32

pytestmark = pytest.mark.integration
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Counter:
    """Counts how often it is called; `restore` sets it back."""

    def __init__(self):
        self.n, self.precisions = 0, []

    def __call__(self):
        self.n += 1
        self.precisions.append(torch.backends.cuda.matmul.fp32_precision)
        return self.n

    def restore(self):
        self.n = 0


@pytest.fixture
def recording(monkeypatch):
    """A recording on a machine without a GPU: `recording["error"]` is what it ends with; `replays` are counted."""
    state = {"error": None, "replays": 0}

    class Graph:
        def replay(self):
            assert graphs.LOCK._is_owned(), "nothing is launched while another thread records"
            state["replays"] += 1

    @contextlib.contextmanager
    def graph(_, *, stream, capture_error_mode):
        assert graphs.LOCK._is_owned(), "one thread records at a time"
        assert capture_error_mode == "thread_local"
        assert not gc.isenabled(), "no old graph ends while another is recorded"
        yield
        if state["error"]:
            raise state["error"]

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    return state


def test_on_a_processor_it_is_the_function_itself():
    counter = Counter()
    assert captured(counter, CPU, restore=counter.restore, tf32=True) is counter
    assert counter.n == 0
    assert own_stream(CPU) is None
    with on_stream(None):
        pass


def test_a_recorded_function_is_restored_after_warming_up_and_then_only_replayed(recording):
    counter = Counter()
    before = torch.backends.cuda.matmul.fp32_precision
    replay = captured(counter, CUDA, restore=counter.restore, tf32=True)
    assert counter.precisions == ["tf32", "tf32"]  # warmed up, then recorded
    assert torch.backends.cuda.matmul.fp32_precision == before
    assert [replay(), replay()] == [1, 1]  # what the recording returned: the graph writes it anew
    assert recording["replays"] == 2
    assert counter.n == 1


def test_a_recording_that_fails_is_told_and_the_function_is_called(recording, caplog):
    recording["error"] = RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")
    counter = Counter()
    with caplog.at_level(logging.WARNING):
        call = captured(counter, CUDA, restore=counter.restore)
    assert "cannot record a CUDA graph (CUDA error: operation not permitted when stream is capturing)" in caplog.text
    assert "takes longer and gives the same answers" in caplog.text
    assert [call(), call()] == [1, 2]  # restored, then called
    assert counter.precisions[-1] == "ieee"
    assert recording["replays"] == 0


def test_memory_that_is_short_is_no_reason_to_go_on(recording):
    recording["error"] = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    counter = Counter()
    with pytest.raises(torch.OutOfMemoryError):
        captured(counter, CUDA, restore=counter.restore)


def test_the_precision_of_products_is_put_back_when_something_fails():
    before = torch.backends.cuda.matmul.fp32_precision
    with pytest.raises(ZeroDivisionError), products_in_tf32(True):
        raise ZeroDivisionError
    assert torch.backends.cuda.matmul.fp32_precision == before


def test_no_two_threads_have_one_stream(monkeypatch):
    handles = iter([7, 7, 8])  # torch gives its streams out in turn

    class Stream:
        def __init__(self, device):
            self.cuda_stream = next(handles)

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(graphs, "_taken", set())
    monkeypatch.setattr(graphs, "_of_thread", threading.local())
    mine, others = own_stream(torch.device("cuda:0")), []
    thread = threading.Thread(target=lambda: others.append(own_stream(torch.device("cuda:0"))))
    thread.start()
    thread.join()
    assert [mine.cuda_stream, others[0].cuda_stream] == [7, 8]
    assert own_stream(torch.device("cuda:0")) is mine


@pytest.mark.gpu
def test_a_graph_does_what_its_function_does():
    x, total = torch.ones(1000, device="cuda"), torch.zeros((), device="cuda")

    def add():
        nonlocal total
        total += x.sum()
        return total * 2

    stream = own_stream(CUDA)
    with on_stream(stream):
        replay = captured(add, CUDA, restore=lambda: total.zero_())
        doubled = [replay().item() for _ in range(3)]
        x.fill_(2)
        doubled.append(replay().item())
    assert doubled == [2000, 4000, 6000, 10000]


@pytest.mark.gpu
def test_threads_record_and_replay_side_by_side():
    sums = {}

    def work(k):
        with on_stream(own_stream(CUDA)):
            x, total = torch.full((100,), float(k), device="cuda"), torch.zeros((), device="cuda")
            replay = captured(lambda: total.add_(x.sum()), CUDA, restore=lambda: total.zero_())
            for _ in range(50):
                replay()
            sums[k] = total.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == {k: 5000.0 * k for k in range(6)}
