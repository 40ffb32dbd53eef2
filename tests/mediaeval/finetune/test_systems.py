"""Systems trained end to end, through the commands of any run; killed and resumed; refused with reasons."""

import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from mediaeval.cli import app
from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.data.images import decode
from mediaeval.errors import ConfigError, DatasetError, RunFolderError, WeightsError
from mediaeval.features.images import Images
from mediaeval.finetune import settings_of
from mediaeval.finetune.averaging import Average
from mediaeval.finetune.model import SystemModel, load_system
from mediaeval.finetune.pixels import ten_crops
from mediaeval.runs import RunFolder, open_run, run_folder
from mediaeval.steps import system_trainer
from mediaeval.steps.predict import predict
from mediaeval.steps.train import train
from submission.runfile import read_run
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, command, make_folder, without_digests

pytestmark = pytest.mark.integration

# timm's own network for tests: 0.4 million weights, with batch normalisation
TINY = {"name": "timm", "model": "test_efficientnet.r160_in1k", "init": "random", "image_size": 32, "epochs": 2}
QUICK = [
    "--system", "timm",
    "--set", "system.model=test_efficientnet.r160_in1k",
    "--set", "system.init=random",
    "--set", "system.image_size=32",
    "--set", "system.epochs=2",
]  # fmt: skip


def refused(*arguments: str) -> str:
    """Return what a command tells that must end in a user's error."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 1 and "Traceback" not in result.output, result.output
    return result.stderr


# a run `net` of all subtasks by one system, predicted and submitted
RECIPE = Recipe(
    dev=24,
    test=6,
    commands=(
        ("train", "all", "--data", "devset", "--run", "net", *QUICK),
        ("predict", "net", "--data", "testset"),
        ("submit", "net"),
    ),
)


def small(tmp_path, **changes) -> tuple[SystemModel, Images, pd.DataFrame]:
    """A model to be trained on 12 images."""
    dataset = load_dataset(make_folder(tmp_path / "small", 12), VISUAL_SENTIMENT_2021)
    model = SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "timm", settings_of(TINY | changes), {}, seed=0)
    return model, Images(dataset.ids, dataset.image_paths), dataset.labels("subtask1")


# the main job -------------------------------------------------------------------------------------------------------


def test_a_system_goes_the_way_of_any_run(trained):
    run = RunFolder(trained / "runs/net")
    assert run.subtasks(VISUAL_SENTIMENT_2021) == ("subtask1", "subtask2", "subtask3")
    tree = tomllib.loads(run.config.read_text())
    assert tree["subtask1"]["system"]["name"] == "timm" and "classifier" not in tree["subtask1"]
    assert tree["subtask1"]["system"]["lr"] == 1e-4  # what was not typed is written, too
    assert tree["features"]["use"] == []
    labels = read_run(run.run_csv, VISUAL_SENTIMENT_2021.header).labels
    assert set(labels["subtask1"]) == {f"t{k}" for k in range(6)}
    assert not (trained / "runs/.net.training").exists()


def test_it_is_proved_as_any_run(job, capsys):
    command("submit", "net")
    assert "rehearsal: " in capsys.readouterr().out
    command("reproduce", "net")
    assert "reproduced byte for byte" in capsys.readouterr().out


@pytest.mark.slow
def test_it_is_replayed_in_a_fresh_process(job, capsys):
    command("submit", "net", "--replay", "2")
    assert "replay: 2 images in a fresh process" in capsys.readouterr().out


def test_a_test_image_that_cannot_be_decoded_gets_the_fallback(job):
    (job / "testset/images/t3.jpg").write_bytes(b"damaged")
    assert "t3" in refused("predict", "net", "--data", "testset")
    command("predict", "net", "--data", "testset", "--skip-bad")
    table = pd.read_csv(job / "runs/net/test/subtask1.csv", index_col="id")
    assert table["source"].to_dict() == {f"t{k}": "fallback" if k == 3 else "model" for k in range(6)}


def test_equal_seeds_give_equal_models(job):
    command("train", "subtask1", "--data", "devset", "--run", "again", "--split", "runs/net/split.csv", *QUICK)
    for name in ("model", "refit"):
        one, two = (load_file(job / f"runs/{run}/subtask1/{name}.safetensors") for run in ("net", "again"))
        assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_one_run_is_of_one_kind(job):
    error = refused("train", "subtask1", "--data", "devset", "--run", "net", "--replace")
    assert "made with another [features]" in error


def test_use_and_augment_are_of_features(job):
    told = refused("train", "subtask1", "--data", "devset", "--use", "handcrafted", *QUICK)
    assert "--use handcrafted: a system looks at pixels" in told
    assert "augment is of features" in refused("train", "subtask1", "--set", "augment=2", *QUICK)


def test_a_mixed_configuration_points_to_ensembles(job):
    (job / "mediaeval.toml").write_text('[subtask1]\nsystem = "timm"\n')
    error = refused("train", "all", "--data", "devset", "--run", "mixed")
    assert "all trained in one of the two ways" in str(error) and "mediaeval ensemble" in error


# killed and resumed --------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a kill looks like to a process that is still there."""


def kill_after(batches: int):
    """Return an on_progress that kills when so many batches were trained."""
    left = [batches]

    def on_progress(done, total, note):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return on_progress


@pytest.mark.parametrize("changes", [{}, {"ema": 0.5, "accumulate": 2, "mixup": 0.3, "optimiser": "sgd"}])
def test_a_killed_training_goes_on_to_the_same_result(tmp_path, changes):
    recipe = {"epochs": 4, "batch_size": 4} | changes
    whole, images, labels = small(tmp_path, **recipe)
    whole.fit(images, labels, state=tmp_path / "whole.safetensors", validation=(images, labels))
    state = tmp_path / "state/killed.safetensors"
    killed, *_ = small(tmp_path / "again", **recipe)
    with pytest.raises(Killed):
        killed.fit(images, labels, state=state, validation=(images, labels), on_progress=kill_after(10))
    with pytest.raises(ConfigError, match=r"not finished\. Continue it with --resume"):
        small(tmp_path / "new", **recipe)[0].fit(images, labels, state=state)
    resumed, *_ = small(tmp_path / "anew", **recipe)
    resumed.fit(images, labels, state=state, resume=True, validation=(images, labels))
    assert resumed.history == whole.history and len(whole.history) == 4
    assert resumed.predict_proba(images).equals(whole.predict_proba(images))
    # a finished training is read, not trained again
    read, *_ = small(tmp_path / "read", **recipe)
    read.fit(images, labels, state=state, resume=True, on_progress=kill_after(2))  # how far it is is reported once
    assert read.predict_proba(images).equals(whole.predict_proba(images))


def test_a_training_is_resumed_with_its_own_settings_only(tmp_path):
    model, images, labels = small(tmp_path, epochs=3, batch_size=4)
    state = tmp_path / "killed.safetensors"
    with pytest.raises(Killed):
        model.fit(images, labels, state=state, on_progress=kill_after(6))
    other, *_ = small(tmp_path / "other", epochs=3, batch_size=4, lr=0.01)
    with pytest.raises(ConfigError, match=r"other settings(.|\n)*lr: was 0.0001, now 0.01"):
        other.fit(images, labels, state=state, resume=True)
    fewer, *_ = small(tmp_path / "fewer", epochs=3, batch_size=4)
    with pytest.raises(ConfigError, match="photographs: was"):
        fewer.fit(images.some(images.ids[:8]), labels, state=state, resume=True)


def test_the_command_resumes(job, monkeypatch):
    honest = system_trainer.SystemModel.fit

    def dies(self, *arguments, **options):
        if options["state"].name == "refit.safetensors":
            raise KeyboardInterrupt
        return honest(self, *arguments, **options)

    monkeypatch.setattr(system_trainer.SystemModel, "fit", dies)
    where = ["train", "subtask1", "--data", "devset", "--run", "late", "--split", "runs/net/split.csv", *QUICK]
    config = load_config(
        task=VISUAL_SENTIMENT_2021, data="devset", system="timm", sets=QUICK[3::2], subtasks=["subtask1"]
    )
    config = config.for_training(["subtask1"])
    with pytest.raises(KeyboardInterrupt):  # the command would tell it and exit
        train(config, ["subtask1"], run_folder("late"), split_file=Path("runs/net/split.csv"))
    assert (job / "runs/.late.training/subtask1/model.training").is_file() and not (job / "runs/late").exists()
    monkeypatch.setattr(system_trainer.SystemModel, "fit", honest)
    assert "Continue it with --resume" in refused(*where)
    command(*where, "--resume")
    assert not (job / "runs/.late.training").exists()
    one, two = (load_file(job / f"runs/{run}/subtask1/refit.safetensors") for run in ("net", "late"))
    assert all(torch.equal(one[key], two[key]) for key in one)


# what goes wrong ----------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_and_says_which_batch(tmp_path):
    model, images, labels = small(tmp_path, epochs=3, batch_size=4, lr=1e30, optimiser="sgd", warmup_epochs=0)
    with pytest.raises(ConfigError, match=r"became (nan|inf) in epoch \d of \d, batch \d; .*Lower lr \(it was"):
        model.fit(images, labels, state=tmp_path / "x.safetensors")


def test_what_diverges_later_keeps_the_last_good_epoch(tmp_path, monkeypatch):
    from mediaeval.finetune import training

    model, images, labels = small(tmp_path, epochs=3, batch_size=4)
    honest = training.lr_at
    monkeypatch.setattr(training, "lr_at", lambda recipe, n: lambda *at: 1e30 if at[0] == 1 else honest(recipe, n)(*at))
    state = tmp_path / "x.safetensors"
    with pytest.raises(ConfigError, match=r"epoch 2 of \d+, batch \d+; .*x.safetensors keeps the weights of the last"):
        model.fit(images, labels, state=state)
    assert all(tensor.isfinite().all() for tensor in load_file(state).values())


def test_one_image_teaches_nothing(tmp_path):
    model, images, labels = small(tmp_path)
    with pytest.raises(DatasetError, match="got 1 images to train on; expected at least 2"):
        model.fit(images.some(images.ids[:1]), labels, state=tmp_path / "x.safetensors")


def test_frozen_statistics_stay_and_others_move(tmp_path):
    for index, (kind, stays) in enumerate((("frozen", True), ("trained", False))):
        model, images, labels = small(tmp_path / str(index), batch_norm=kind, epochs=1)
        model.fit(images, labels, state=tmp_path / f"{kind}.safetensors")
        state = model.built.network.state_dict()
        means = torch.cat([value for key, value in state.items() if key.endswith("running_mean")])
        assert bool((means == 0).all()) is stays, kind


def test_oversampling_averages_ten_probabilities(tmp_path):
    model, images, labels = small(tmp_path, epochs=1)
    model.fit(images, labels, state=tmp_path / "x.safetensors")
    model.settings = model.settings.model_copy(update={"oversample": True})
    found = model.predict_proba(images)
    for image_id in images.ids:
        crops = ten_crops(model.built.view, decode(images.paths[image_id].read_bytes()))
        wanted = model.probabilities(model.scores(crops)).mean(axis=0)
        assert found.loc[image_id].to_numpy() == pytest.approx(wanted, abs=1e-6)


def test_a_saved_model_is_the_model(tmp_path):
    model, images, labels = small(tmp_path, epochs=1)
    model.fit(images, labels, state=tmp_path / "x.safetensors")
    model.save(tmp_path / "model.safetensors")
    again = load_system(tmp_path / "model.safetensors", VISUAL_SENTIMENT_2021["subtask1"])
    assert again.predict_proba(images).equals(model.predict_proba(images))
    with pytest.raises(WeightsError, match="got a model of subtask1; expected one of subtask2"):
        load_system(tmp_path / "model.safetensors", VISUAL_SENTIMENT_2021["subtask2"])
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"cut\.safetensors is damaged"):
        load_system(tmp_path / "cut.safetensors", VISUAL_SENTIMENT_2021["subtask1"])


def test_rows_follow_ids_and_batches_change_nothing(tmp_path):
    model, images, labels = small(tmp_path, epochs=1)
    model.fit(images, labels, state=tmp_path / "x.safetensors")
    every = model.predict_proba(images)
    backwards = model.predict_proba(images.some(images.ids[::-1]))
    assert backwards.loc[list(images.ids)].equals(every)
    alone = pd.concat([model.predict_proba(images.some([i])) for i in images.ids])
    assert np.allclose(alone, every, atol=1e-6)


# weights ------------------------------------------------------------------------------------------------------------


def weights_of(tmp_path, model: str = TINY["model"], classes: int = 5):
    """Write a file as another training of a timm network would leave it."""
    import timm

    torch.manual_seed(3)
    state = timm.create_model(model, num_classes=classes).state_dict()
    path = tmp_path / f"{model}.safetensors"
    save_file(state, path)
    return path, state


def test_all_but_the_classifier_is_loaded(tmp_path):
    path, state = weights_of(tmp_path)
    settings = settings_of(TINY | {"init": "pretrained", "weights": str(path)})
    model = SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "timm", settings, {}, seed=0)
    network = model._build(pretrained=True).network.state_dict()
    heads = {key for key in state if key.startswith("classifier.")}
    assert heads and all(torch.equal(network[f"model.{key}"], state[key]) for key in state.keys() - heads)
    assert network["model.classifier.weight"].shape[0] == 3 and network["model.classifier.bias"].abs().max() == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_resnet.r160_in1k", "system 'timm': .*does not fit the network(.|\n)*keys that the network lacks"),
        ("absent", "system 'timm': weights of timm .* not found: .*or set system.weights to another"),
        ("damaged", "system 'timm': .*absent.safetensors is nothing but zeros"),
    ],
)
def test_foreign_absent_and_damaged_weights_are_refused(tmp_path, name, message):
    path = tmp_path / "absent.safetensors"
    if name.startswith("test_"):
        path, _ = weights_of(tmp_path, name)
    elif name == "damaged":
        path.write_bytes(b"\x00" * 100)
    settings = settings_of(TINY | {"init": "pretrained", "weights": str(path)})
    with pytest.raises(WeightsError, match=message):
        SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "timm", settings, {}, seed=0)._build(pretrained=True)


def test_an_unknown_network_is_told_with_the_nearest(tmp_path):
    settings = settings_of(TINY | {"model": "mobilenetv2_10"})
    with pytest.raises(ConfigError, match=r"system 'timm': timm cannot build 'mobilenetv2_10'.*mobilenetv2_100"):
        SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "timm", settings, {}, seed=0)._build(pretrained=False)


def test_a_changed_model_is_refused(job):
    path = job / "runs/net/subtask1/refit.safetensors"
    save_file(load_file(path), path)  # its description is gone
    with pytest.raises(RunFolderError, match=r"refit.safetensors was changed since"):
        predict(open_run("net"), VISUAL_SENTIMENT_2021, job / "testset")
    without_digests(job / "runs/net")
    with pytest.raises(RunFolderError, match="is not the file that was saved in training"):
        predict(open_run("net"), VISUAL_SENTIMENT_2021, job / "testset")


def test_a_gpu_that_is_lost_is_one_sentence_and_the_training_goes_on_from_there(tmp_path, monkeypatch):
    recipe = {"epochs": 2, "batch_size": 6, "optimiser": "sgd"}
    lost, images, labels = small(tmp_path, **recipe)
    state = tmp_path / "lost.safetensors"
    steps, step = [], torch.optim.SGD.step

    def fails(self, *arguments):
        steps.append(1)
        if len(steps) == 4:  # two an epoch
            raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later")
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", fails)
        with pytest.raises(ConfigError) as error:
            lost.fit(images, labels, state=state)
    assert str(error.value) == (
        "the GPU failed or was taken away while training (CUDA error: unspecified launch failure). The epochs that "
        "were finished are kept: see that nvidia-smi lists the GPU, then continue with --resume."
    )
    resumed, *_ = small(tmp_path / "anew", **recipe)
    done = []
    resumed.fit(images, labels, state=state, resume=True, on_progress=lambda *at: done.append(at[0]))
    assert done[0] == 1, "the first epoch was finished"
    assert len(resumed.history) == 2


# averages, batches, what is left behind -------------------------------------------------------------------------------


@pytest.mark.gpu
def test_a_gpu_learns_the_same_however_its_batches_arrive_and_a_processor_predicts_with_it(tmp_path, monkeypatch):
    task, learned, predicted = VISUAL_SENTIMENT_2021["subtask1"], [], []
    for name, device in (("beside", "cuda"), ("number", "cuda:0"), ("waiting", "cuda")):
        if name == "waiting":
            monkeypatch.setattr("mediaeval.finetune.batches._copied_beside", lambda batches, device: batches)
        made, images, labels = small(tmp_path / name, batch_size=4, optimiser="sgd", ema=0.5)
        model = SystemModel(task, "timm", made.settings, {}, seed=0, device=device)
        model.fit(images, labels, state=tmp_path / f"{name}.safetensors", validation=(images, labels))
        model.save(tmp_path / f"{name}.model")
        learned.append(load_file(tmp_path / f"{name}.safetensors"))
        predicted.append(model.predict_proba(images))
    for other in learned[1:]:  # kernels that add up in any order differ in the last bits
        assert all(torch.allclose(learned[0][key].float(), other[key].float(), atol=1e-4) for key in other)
    here = load_system(tmp_path / "beside.model", task, "cpu").predict_proba(images)
    np.testing.assert_allclose(here, predicted[0], atol=1e-2)


def test_the_average_follows_the_network_and_is_exact_at_rest():
    """With weights at 1 from a start of 0: 1 − Π keep, keep = min(decay, (1 + step) / (10 + step))."""
    network = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(network.weight)
    average = Average(network, decay=0.9)
    torch.nn.init.ones_(network.weight)
    left = 1.0
    for step in range(1, 201):
        average.update(network)
        left *= min(0.9, (1 + step) / (10 + step))
        if step in (1, 5):
            assert average.network.weight.flatten().tolist() == pytest.approx([1 - left] * 2, abs=1e-5)
    assert average.network.weight.flatten().tolist() == pytest.approx([1, 1], abs=1e-5)


def test_counts_are_copied_into_the_average():
    network = torch.nn.BatchNorm1d(2)
    average = Average(network, decay=0.5)
    network(torch.randn(4, 2))
    average.update(network)
    assert average.network.num_batches_tracked == 1
    # keep = min(.5, 2 / 11) of a variance of 1
    assert torch.allclose(average.network.running_var, 2 / 11 + network.running_var * 9 / 11)


def test_one_validation_image_is_scored(tmp_path):
    model, images, labels = small(tmp_path, epochs=1)
    one = images.some(images.ids[:1])
    model.fit(images, labels, state=tmp_path / "x.safetensors", validation=(one, labels))
    assert model.history[0]["val_f1"] in (0, 1)


def test_batch_normalisation_never_meets_one_image(tmp_path):
    model, images, labels = small(tmp_path, epochs=1, batch_size=2, accumulate=8)
    three = images.some(images.ids[:3])
    model.fit(three, labels, state=tmp_path / "x.safetensors")
    assert len(model.history) == 1


def test_what_a_kill_in_the_first_epoch_left_is_no_hindrance(tmp_path):
    model, images, labels = small(tmp_path, epochs=1)
    state = tmp_path / "left/model.safetensors"
    (state.parent / ".passing.0123abcd.mediaeval-part").mkdir(parents=True)  # decoded images
    state.write_bytes(b"weights without the state beside them")
    model.fit(images, labels, state=state, resume=True)
    assert sorted(p.name for p in state.parent.iterdir()) == ["model.safetensors", "model.training"]


def test_what_a_run_was_trained_in_is_written(trained):
    tree = tomllib.loads((trained / "runs/net/run.toml").read_text())
    assert tree["subtask1"]["system"]["precision"] in ("float32", "bfloat16")


def test_all_is_resumed_with_what_is_left(job, capsys):
    shutil.rmtree(job / "runs/net/subtask3")
    command("train", "all", "--data", "devset", "--run", "net", *QUICK, "--resume")
    assert "continuing with subtask3" in " ".join(capsys.readouterr().err.split())
    assert RunFolder(job / "runs/net").subtasks(VISUAL_SENTIMENT_2021) == ("subtask1", "subtask2", "subtask3")
    assert "nothing is left" in refused("train", "all", "--data", "devset", "--run", "net", *QUICK, "--resume")
    other = refused("train", "all", "--data", "devset", "--run", "net", *QUICK, "--set", "system.lr=0.01", "--resume")
    assert "trained with other settings" in other
    assert "is not resumed" in refused("train", "subtask1", "--data", "devset", "--run", "new", "--resume")


def test_files_to_resume_from_go_when_the_subtask_is_there_and_stay_when_they_are_newer(job):
    """A kill after the run was written, and one of a training that was to replace it."""
    left = RunFolder(job / "runs/net").training("subtask1") / "model.safetensors"
    for since, stays in ((-10, False), (10, True)):
        left.parent.mkdir(parents=True)
        left.write_bytes(b"state")
        when = (job / "runs/net/subtask1/subtask.json").stat().st_mtime + since
        os.utime(left, (when, when))
        assert "nothing is left" in refused("train", "subtask1", "--data", "devset", "--run", "net", *QUICK, "--resume")
        assert left.exists() == left.parent.parent.exists() == stays


def test_two_trainings_do_not_write_into_one_run(job):
    with RunFolder(Path("runs/net")).being_trained():
        told = refused("train", "subtask1", "--data", "devset", "--run", "net", "--replace", *QUICK)
    assert "is being trained by another command" in told


@pytest.mark.parametrize("setting", ["lr=inf", "lr=nan", "step_epochs=inf", "mixup=inf", "std=[0, 0, 0]"])
def test_numbers_that_are_none_are_refused_before_anything_is_trained(job, setting):
    told = refused("train", "subtask1", "--data", "devset", "--run", "new", *QUICK, "--set", f"system.{setting}")
    assert f"system.{setting.split('=')[0]}" in told
