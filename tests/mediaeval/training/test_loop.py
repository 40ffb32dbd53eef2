"""The training loop: what it leaves behind, killed and resumed, diverging, wrong files."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from mediaeval.errors import ConfigError
from mediaeval.seeding import seeded
from mediaeval.training import loop as loop_module
from mediaeval.training.loop import LoopOptions, in_words, train
from mediaeval.training.objective import TrainingObjective, all_finite, epoch_rng
from mediaeval.training.output import METADATA, file_problems

pytestmark = pytest.mark.integration

CPU = torch.device("cpu")


class Killed(BaseException):
    """What stands for a kill: nothing catches it."""


def drawn(seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(50, 5, generator=generator)
    return X, X @ torch.randn(5, 1, generator=generator)


class Small(TrainingObjective):
    """A small network with dropout and BatchNorm, whose states must all survive; `die_at`: (epoch, batch)."""

    def __init__(self, seed: int, die_at: tuple[int, int] | None):
        self.X, self.y = drawn()
        self.seed, self.die_at = seed, die_at
        with seeded(1, CPU):
            self.network = nn.Sequential(
                nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1)
            )
        self.modules = {"network": self.network}
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=1.0)
        self.metadata = {"network": "small"}

    def batches(self, epoch):
        for number, rows in enumerate(torch.from_numpy(epoch_rng(self.seed, epoch).permutation(50)).split(16)):
            if (epoch, number) == self.die_at:
                raise Killed
            yield rows

    def loss(self, rows):
        return (self.network(self.X[rows]) - self.y[rows]).square().mean()

    def size(self, rows):
        return len(rows)

    def lr_at(self, epoch, examples, history):
        return 0.01 * 0.9**epoch

    def weights(self):
        return self.network.state_dict()


def run_loop(out, *, epochs=4, die_at=None, seed=0, **changed):
    """Train `Small`; `changed`: options of the loop, and what stands in place of the objective's own."""
    objective = Small(seed, die_at)
    names = {field.name for field in fields(LoopOptions)}
    options = LoopOptions(
        epochs=epochs, seed=seed, device=CPU, **{key: value for key, value in changed.items() if key in names}
    )
    for name in changed.keys() - names:
        setattr(objective, name, changed[name])
    return objective.network, train(objective, options, out)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "w.safetensors"


def about(path) -> dict:
    """What a file says of its training."""
    with safe_open(path, "pt") as file:
        (text,) = file.metadata().values()
        return json.loads(text)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- what comes out ------------------------------------------------------------------------------------------------


def test_a_training_leaves_the_weights_and_their_settings_alone_behind(out):
    network, history = run_loop(out)
    assert [path.name for path in out.parent.iterdir()] == ["w.safetensors"]
    assert same(load_file(out), network.state_dict())
    with safe_open(out, "pt") as file:
        assert list(file.metadata()) == [METADATA]
    assert about(out) == {"network": "small", "seed": "0", "epoch": "3"}
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[2]["lr"] == pytest.approx(0.01 * 0.9**2)
    assert not network.training


def test_a_seed_is_a_result_and_global_generators_are_left_alone(tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    (a, _), (b, _), (c, _) = (run_loop(tmp_path / f"{k}.safetensors", seed=s) for k, s in enumerate((0, 0, 1)))
    assert same(a.state_dict(), b.state_dict()) and not same(a.state_dict(), c.state_dict())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_loss_is_the_mean_of_examples_not_of_batches(out):
    """50 examples in batches of 16, 16, 16 and 2; a loss of 1 in the last batch alone is 2/50."""
    _, history = run_loop(
        out,
        epochs=1,
        modules={"w": (w := nn.Linear(1, 1))},
        optimiser=torch.optim.SGD(w.parameters(), lr=0),
        loss=lambda rows: w.weight.sum() * 0 + float(len(rows) == 2),
        weights=w.state_dict,
    )
    assert history[0]["loss"] == pytest.approx(2 / 50)


def test_the_rate_knows_epoch_examples_and_history(out):
    seen = []

    def lr_at(epoch, examples, history):
        seen.append((epoch, examples, len(history)))
        return 0.01 if epoch == 0 else history[-1]["lr"] / 2  # as a halving on a plateau would

    _, history = run_loop(out, epochs=3, lr_at=lr_at)
    assert [row["lr"] for row in history] == [0.01, 0.005, 0.0025]
    assert seen[:5] == [(0, 0, 0), (0, 16, 0), (0, 32, 0), (0, 48, 0), (1, 50, 1)]


def test_clipping_bounds_the_step(out):
    """One step of plain gradient descent at rate 1 moves the weights by the norm of the gradient."""
    moved = {}
    X, y = drawn()
    for clip in (None, 0.01):
        with seeded(1, CPU):
            w = nn.Linear(5, 1)
        before = nn.utils.parameters_to_vector(w.parameters()).clone()
        run_loop(
            out.with_name(f"{clip}.safetensors"),
            epochs=1,
            modules={"w": w},
            optimiser=torch.optim.SGD(w.parameters(), lr=1.0),
            batches=lambda epoch: [torch.arange(50)],
            loss=lambda rows, w=w: (w(X[rows]) - y[rows]).square().mean(),
            lr_at=lambda epoch, examples, history: 1.0,
            weights=w.state_dict,
            clip=clip,
        )
        moved[clip] = (nn.utils.parameters_to_vector(w.parameters()) - before).norm().item()
    assert moved[None] > 0.1 and moved[0.01] == pytest.approx(0.01, rel=1e-3)


SCORES = [math.nan, 0.3, 0.7, 0.7, 0.1]


def test_the_best_epoch_is_kept_the_first_of_equals(tmp_path):
    scored = {"after_epoch": lambda epoch: {"score": np.float32(SCORES[epoch])}, "best": "score"}
    _, history = run_loop(tmp_path / "best.safetensors", epochs=5, **scored)
    assert [row["score"] for row in history[1:]] == pytest.approx(SCORES[1:]) and type(history[1]["score"]) is float
    network, _ = run_loop(tmp_path / "three.safetensors", epochs=3)
    assert same(load_file(tmp_path / "best.safetensors"), network.state_dict())


def test_scores_are_taken_in_eval_mode_without_gradients(out):
    modes = []
    network = nn.BatchNorm1d(5)
    X, _ = drawn()
    run_loop(
        out,
        epochs=1,
        modules={"n": network},
        optimiser=torch.optim.SGD(network.parameters(), lr=0),
        loss=lambda rows: network(X[rows]).mean(),
        weights=network.state_dict,
        after_epoch=lambda epoch: modes.append((network.training, torch.is_grad_enabled())) or {},
    )
    assert modes == [(False, False)]


def test_gradients_of_parts_add_up_to_those_of_the_whole_batch(tmp_path):
    """BatchNorm would see other statistics in parts, so the network here has none."""
    X, y = drawn()
    learned = []
    for n_parts in (1, 4):
        with seeded(1, CPU):
            w = nn.Linear(5, 1)
        run_loop(
            tmp_path / f"{n_parts}.safetensors",
            modules={"w": w},
            optimiser=torch.optim.SGD(w.parameters(), lr=0.1),
            batches=lambda epoch: torch.arange(48).split(16),
            loss=lambda rows, w=w: (w(X[rows]) - y[rows]).square().mean(),
            parts=lambda rows, n=n_parts: ((part, len(part) / len(rows)) for part in rows.tensor_split(n)),
            weights=w.state_dict,
        )
        learned.append(nn.utils.parameters_to_vector(w.parameters()))
    assert torch.allclose(*learned, atol=1e-6)


def test_something_is_done_after_every_step_and_none_for_a_loss_that_is_not_finite(out):
    steps = []
    run_loop(out, epochs=2, after_step=lambda: steps.append(1))
    assert len(steps) == 8, "four batches in each epoch"
    losses = iter([torch.tensor(1.0, requires_grad=True)] * 2 + [torch.tensor(math.nan, requires_grad=True)])
    with pytest.raises(ConfigError, match="epoch 1 of 4, batch 3"):
        run_loop(out.with_name("b.safetensors"), loss=lambda rows: next(losses), after_step=lambda: steps.append(1))
    assert len(steps) == 10


def test_no_part_of_a_batch_moves_a_weight_when_the_loss_of_another_is_not_finite(out):
    """The losses of all parts are read at once, after the last part."""
    w = nn.Linear(1, 1)
    before = [tensor.clone() for tensor in w.parameters()]
    small = {"modules": {"w": w}, "optimiser": torch.optim.SGD(w.parameters(), lr=1.0), "weights": w.state_dict}
    small["parts"] = lambda rows: [(1.0, 0.5), (math.nan, 0.5), (2.0, 0.5)]
    small["loss"] = lambda factor: w.weight.sum() * factor
    with pytest.raises(ConfigError, match="the loss became nan in epoch 1 of 4, batch 1; nothing was written"):
        run_loop(out, **small)
    assert all(map(torch.equal, before, w.parameters()))


# --- written beside the next epoch ---------------------------------------------------------------------------------


def test_files_written_beside_the_next_epoch_are_the_same(tmp_path):
    at_once, beside = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    run_loop(at_once, keep_state=True)
    run_loop(beside, keep_state=True, beside=True)
    assert at_once.read_bytes() == beside.read_bytes()
    states = [torch.load(file.with_suffix(".training"), weights_only=True) for file in (at_once, beside)]
    assert same(*(state["modules"]["network"] for state in states))
    assert states[0]["history"] == states[1]["history"]


def test_what_is_killed_while_it_is_written_beside_is_resumed_to_the_same(tmp_path, monkeypatch):
    """The files hold the epoch that ended, though the next one has changed the weights before they were written."""
    whole, out = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    run_loop(whole)
    write = loop_module.write_weights
    monkeypatch.setattr(loop_module, "write_weights", lambda *given: (time.sleep(0.05), write(*given)))
    with pytest.raises(Killed):
        run_loop(out, beside=True, die_at=(2, 3))
    assert about(out)["epoch"] == "1"
    run_loop(out, resume=True, beside=True)
    assert out.read_bytes() == whole.read_bytes()


def test_a_full_disk_beside_the_next_epoch_is_raised(out, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop_module, "write_state", full)
    for epochs in (1, 3):  # on leaving, and by the next epoch
        with pytest.raises(OSError, match="No space left"):
            run_loop(out, epochs=epochs, beside=True)
        assert not out.exists()


# --- killed and resumed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("die_at", [(0, 1), (1, 0), (2, 3), (3, 2)])
@pytest.mark.parametrize("best", [None, "score"])
def test_killed_and_resumed_gives_the_same_to_the_bit(tmp_path, die_at, best):
    scored = {"after_epoch": lambda epoch: {"score": [1, 3, 2, 0][epoch]}, "best": best}
    whole, out = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    network, history = run_loop(whole, **scored)
    with pytest.raises(Killed):
        run_loop(out, die_at=die_at, **scored)
    assert out.with_suffix(".training").exists() == (die_at[0] > 0), "there is a state after the first epoch"
    again, resumed = run_loop(out, resume=True, **scored)
    assert resumed == history
    assert same(again.state_dict(), network.state_dict())
    assert out.read_bytes() == whole.read_bytes()
    assert not out.with_suffix(".training").exists()


@pytest.mark.parametrize("after", ["write_weights", "write_state"])
def test_a_kill_between_the_files_costs_nothing(tmp_path, monkeypatch, after):
    whole, out = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    run_loop(whole)
    written = []
    write = getattr(loop_module, after)

    def write_and_die(*arguments):
        write(*arguments)
        written.append(1)
        if len(written) == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop_module, after, write_and_die)
        with pytest.raises(Killed):
            run_loop(out)
    run_loop(out, resume=True)
    assert out.read_bytes() == whole.read_bytes()


MANY = {name: f"drawn for {name}" for name in ("network", "feature", "lr", "clip", "loss", "pairs", "dropout")}


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    """Hashes of text are other numbers in each process, and so is what an order of chance comes to."""
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    code = (
        "import pathlib, sys\n"
        "from tests.mediaeval.training.test_loop import MANY, run_loop\n"
        "run_loop(pathlib.Path(sys.argv[1]), epochs=2, metadata=dict(reversed(MANY.items())))"
    )
    other = str((int(os.environ.get("PYTHONHASHSEED", "0").replace("random", "0")) + 1) % 2**32)
    environment = os.environ | {"PYTHONHASHSEED": other}
    subprocess.run([sys.executable, "-c", code, there], cwd=Path(__file__).parents[3], env=environment, check=True)
    run_loop(here, epochs=2, metadata=MANY)
    assert about(here).items() > MANY.items()
    assert here.read_bytes() == there.read_bytes()


def test_resume_without_anything_begins(out):
    _, history = run_loop(out, resume=True)
    assert len(history) == 4


def test_a_resumed_training_can_have_more_epochs_but_not_fewer(tmp_path, out):
    with pytest.raises(Killed):
        run_loop(out, die_at=(3, 0))
    with pytest.raises(ConfigError, match="got epochs = 2; expected at least 3, which are finished already"):
        run_loop(out, epochs=2, resume=True)
    network, history = run_loop(out, epochs=6, resume=True)
    whole, _ = run_loop(tmp_path / "whole.safetensors", epochs=6)
    assert len(history) == 6 and same(network.state_dict(), whole.state_dict())


def test_an_unfinished_training_is_neither_lost_nor_mixed(out):
    with pytest.raises(Killed):
        run_loop(out, die_at=(2, 0))
    with pytest.raises(
        ConfigError, match=r"w.training belongs to a training that was not finished. Continue it with --resume"
    ):
        run_loop(out)
    with pytest.raises(ConfigError, match=r"other settings(.|\n)*network: was small, now large(.|\n)*seed: was 0"):
        run_loop(out, resume=True, seed=1, metadata={"network": "large"})
    other = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match="it belongs to another network"):
        run_loop(out, resume=True, modules={"network": other}, optimiser=torch.optim.Adam(other.parameters()))
    out.rename(out.with_name("elsewhere.safetensors"))
    with pytest.raises(ConfigError, match=r"w.training exists, but .*w.safetensors does not"):
        run_loop(out, resume=True)


@pytest.mark.parametrize("data", [b"", b"damaged", None])
def test_a_state_that_cannot_be_read_is_reported(out, data):
    with pytest.raises(Killed):
        run_loop(out, die_at=(1, 0))
    state = out.with_suffix(".training")
    if data is None:
        torch.save({"modules": {}}, state)
    else:
        state.write_bytes(data)
    with pytest.raises(ConfigError, match=r"Cannot resume from .*w.training: it is (damaged|not the state)"):
        run_loop(out, resume=True)


def test_a_state_that_would_run_code_is_not_loaded(out, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    with pytest.raises(Killed):
        run_loop(out, die_at=(1, 0))
    torch.save({"modules": Evil()}, out.with_suffix(".training"))
    with pytest.raises(ConfigError, match=r"it is damaged \(UnpicklingError\)"):
        run_loop(out, resume=True)
    assert not (tmp_path / "ran").exists()


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "name"), [(math.nan, "nan"), (math.inf, "inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_epoch(out, value, name):
    losses = iter([*[0.0] * 10, value])  # four batches an epoch: the eleventh is batch 2 of epoch 2
    w = nn.Linear(1, 1)
    small = {"modules": {"w": w}, "optimiser": torch.optim.SGD(w.parameters(), lr=0), "weights": w.state_dict}
    small["loss"] = lambda rows: w.weight.sum() * 0 + next(losses)
    with pytest.raises(
        ConfigError,
        match=rf"the loss became {name} in epoch 3 of 4, batch 3; .* keeps the weights of the last good epoch",
    ):
        run_loop(out, **small)
    assert about(out)["epoch"] == "1"
    assert out.with_suffix(".training").exists()
    assert all(tensor.isfinite().all() for tensor in load_file(out).values())


def test_a_weight_that_breaks_in_the_last_step_is_never_written(out):
    w = nn.Linear(1, 1)
    small = {"modules": {"w": w}, "optimiser": torch.optim.SGD(w.parameters(), lr=0), "weights": w.state_dict}
    # √0 has a finite value and an infinite slope
    small["loss"] = lambda rows: (w.weight * 0).sqrt().sum()
    with pytest.raises(ConfigError, match=r"a weight became NaN or infinite at the end of epoch 1 of \d+; nothing was"):
        run_loop(out, batches=lambda epoch: [torch.arange(3)], **small)
    assert not list(out.parent.iterdir())


def test_a_running_mean_that_breaks_is_never_written(out):
    """Its square is beyond float32 in BatchNorm's variance, though loss and weights stay finite."""
    network = nn.BatchNorm1d(1)
    small = {"modules": {"n": network}, "optimiser": torch.optim.SGD(network.parameters(), lr=0)}
    small |= {"weights": network.state_dict, "loss": lambda rows: (network(X) * 0).nan_to_num().sum()}
    X = torch.tensor([[-3e38], [3e38]])
    with pytest.raises(ConfigError, match=r"a weight became NaN or infinite at the end of epoch 1 of \d+"):
        run_loop(out, batches=lambda epoch: [torch.arange(2)], **small)
    assert not list(out.parent.iterdir())


def test_outputs_of_validation_that_are_not_finite_stop_and_keep_the_last_good_epoch(out):
    def after_epoch(epoch):
        return {
            "score": all_finite(torch.tensor([0.5, math.inf if epoch == 2 else 1.0]), "scores of drawn videos").sum()
        }

    with pytest.raises(
        ConfigError,
        match=r"scores of drawn videos became NaN or infinite after epoch 3 of \d+; .*w.safetensors keeps the weights "
        r"of the last good epoch. Lower --lr \(it was 0.0081\)",  # .01 · .9², as `run_loop` has it
    ):
        run_loop(out, after_epoch=after_epoch, best="score")
    assert about(out)["epoch"] == "0", "the first of equals"
    assert len(torch.load(out.with_suffix(".training"), weights_only=True)["history"]) == 2


def test_an_epoch_without_examples_is_reported(out):
    with pytest.raises(ConfigError, match=r"epoch 1 of \d+ has no examples"):
        run_loop(out, batches=lambda epoch: [])


def test_names_that_cannot_be_written_are_reported_before_training(out, tmp_path):
    with pytest.raises(ConfigError, match=r"w.pt': expected a file name that ends in .safetensors"):
        run_loop(out.with_suffix(".pt"))
    run_loop(out, epochs=2)
    for resume in (False, True):
        with pytest.raises(ConfigError, match=r"w.safetensors exists already"):
            run_loop(out, resume=resume)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(ConfigError, match=r"it or folder.training is a folder"):
        run_loop(tmp_path / "folder.safetensors")


def test_a_parent_that_is_a_file_is_reported_before_training(tmp_path):
    (tmp_path / "afile").write_text("kept")
    for place in ("afile/w.safetensors", "afile/more/w.safetensors"):
        with pytest.raises(ConfigError, match=r"Cannot write '.*w.safetensors': .*/afile is a file; expected a folder"):
            run_loop(tmp_path / place, batches=None)
    assert (tmp_path / "afile").read_text() == "kept"


def test_a_folder_that_takes_no_file_is_reported_before_training(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"Cannot write '.*': File name too long"):
        run_loop(tmp_path / f"{'w' * 244}.safetensors", batches=None)  # 256 bytes

    def refuse(path):
        assert path == tmp_path / "w.safetensors"
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mediaeval.training.output.passing_file", refuse)  # rights do not bind root
    with pytest.raises(ConfigError, match=r"new/w.safetensors': Permission denied"):
        run_loop(tmp_path / "new/w.safetensors", batches=None)


def test_looking_whether_a_file_can_be_written_leaves_nothing(tmp_path):
    assert not file_problems(tmp_path / "new/folder/w.safetensors", resume=False)
    assert not list(tmp_path.iterdir())
    run_loop(tmp_path / "new/folder/w.safetensors", epochs=1)
    assert (tmp_path / "new/folder/w.safetensors").is_file()


def test_a_kill_between_the_first_weights_and_the_state_is_no_hindrance(tmp_path, monkeypatch):
    """Weights of the first epoch without a state: resuming repeats the epoch; another training's weights stay."""
    whole, _ = run_loop(tmp_path / "whole.safetensors", epochs=3)
    out = tmp_path / "w.safetensors"
    run_loop(out, epochs=1)
    with pytest.raises(ConfigError, match="exists already"):
        run_loop(out, epochs=3)
    with pytest.raises(ConfigError, match="exists already, of a training with other settings"):
        run_loop(out, epochs=3, resume=True, seed=1)
    resumed, _ = run_loop(out, epochs=3, resume=True)
    assert same(resumed.state_dict(), whole.state_dict())

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mediaeval.training.loop.write_state", full)
    with pytest.raises(OSError, match="No space left"):
        run_loop(tmp_path / "new.safetensors", epochs=3)
    assert not (tmp_path / "new.safetensors").exists()


def test_epochs_are_told_counted_from_one():
    assert in_words(0, 8, 0.51234, 0.25) == "epoch 1 of 8, loss 0.5123, F1 0.250"
    assert in_words(7, 8) == "epoch 8 of 8"
