"""Every command: help, an example, JSON, exit status; errors in words, never a traceback."""

import json
import subprocess
import sys

import pytest
import typer

from mediaeval.cli import app

pytestmark = pytest.mark.integration


def commands(command=None, path=()):
    """Yield (words, click command) of every command that does something, sub-commands too."""
    for name, below in (command or typer.main.get_command(app)).commands.items():
        if hasattr(below, "commands"):
            yield from commands(below, (*path, name))
        else:
            yield (*path, name), below


LEAVES = dict(commands())
NAMES = sorted({words[0] for words in LEAVES})
leaves = pytest.mark.parametrize("words", LEAVES, ids=" ".join)


@leaves
def test_every_command_has_help_and_an_example(run, words):
    text = " ".join(run(*words, "--help").stdout.split())
    assert f"Example: mediaeval {' '.join(words)}" in text
    assert "--json" in text
    assert "<bool>" not in text, "what takes no value shows no type"


@leaves
def test_every_option_has_help(words):
    for param in LEAVES[words].params:
        assert param.help, param.name


@leaves
def test_every_example_is_made_of_options_that_exist(run, words):
    options = [name for param in LEAVES[words].params for name in param.opts]
    for word in LEAVES[words].epilog.split():
        assert not word.startswith("--") or word in options, word


@pytest.mark.parametrize("name", ["experiment", "weights"])
def test_a_command_with_sub_commands_lists_them_and_has_an_example(run, name):
    text = " ".join(run(name, "--help").stdout.split())
    assert f"Example: mediaeval {name}" in text
    assert all(words[1] in text for words in LEAVES if words[0] == name)


def test_every_published_table_is_a_sub_command():
    from mediaeval.experiments import EXPERIMENTS

    assert [words[1] for words in LEAVES if words[0] == "experiment"] == list(EXPERIMENTS)


def test_options_before_the_name_of_a_sub_command_are_reported(run, workdir):
    result = run("weights", "--json", "list", "handcrafted")
    assert json.loads(result.stdout) == []
    (told,) = result.stderr.splitlines()
    assert "old spelling" in told and told.endswith("weights list --json handcrafted")
    assert run("weights", "list", "handcrafted", "--json").stderr == ""
    refused = run("experiment", "--out", "campos2017", "--splits=2", "smap2021", code=1).stderr
    assert "smap2021 --out campos2017 --splits=2" in refused and "--splits: not an option of smap2021" in refused


def test_version(run):
    from importlib.metadata import version

    assert run("--version").stdout == f"mediaeval {version('mediaeval')}\n"


def test_the_package_is_a_program():
    command = [sys.executable, "-m", "mediaeval", "ls", "tasks", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) and not result.stderr


def test_the_readme_shows_every_command():
    from pathlib import Path

    readme = (Path(__file__).parents[3] / "README.md").read_text()
    for name in NAMES:
        assert f"mediaeval {name}" in readme, name


@pytest.mark.parametrize("what", ["tasks", "subtasks", "extractors", "classifiers", "presets", "experiments", "runs"])
def test_ls_lists_for_people_and_programs(run, workdir, what):
    rows = json.loads(run("ls", what, "--json").stdout)
    assert isinstance(rows, list)
    text = run("ls", what).stdout
    for row in rows:
        assert str(next(iter(row.values()))) in text


def test_ls_settings_shows_every_setting_with_type_default_range_and_meaning(run, workdir):
    text = run("ls", "settings", "moe").stdout
    assert "classifier moe\tclassifier.lr\tnumber\t1e-05\tabove 0\tAdam's learning rate in the first epoch.\n" in text
    assert "system" not in text and "extractor" not in text
    everything = json.loads(run("ls", "settings", "--json").stdout)
    assert {"section", "classifier", "regressor", "system", "extractor kind", "network to pretrain"} == {
        r["kind"] for r in everything
    }
    of_timm = json.loads(run("ls", "settings", "timm", "--json").stdout)
    assert {row["kind"] for row in of_timm} == {"system", "extractor kind"}, "both are called timm"
    assert of_timm == [row for row in everything if row["of"] == "timm"]
    assert run("ls", "settings", "dummy").stdout == ""


def test_ls_runs_shows_scores(run, workdir, make_devset):
    run("train", "subtask1", "--data", make_devset(), "--run", "a", "--set", "classifier=logistic")
    (row,) = json.loads(run("ls", "runs", "--json").stdout)
    assert row["run"] == "a" and 0 <= row["subtask1"] <= 1 and row["subtask2"] == ""


def test_ls_shows_the_users_own_extractors(run, workdir):
    (workdir / "mediaeval.toml").write_text('[extractors.mine]\nkind = "timm"\nmodel = "resnet18"\n')
    assert "mine" in [row["extractor"] for row in json.loads(run("ls", "extractors", "--json").stdout)]


@pytest.mark.slow
def test_a_drawn_sample_of_another_size_is_used_as_it_is(run, workdir):
    run("sample", "sample", "--dev", "24", "--test", "6")
    result = run("train", "subtask1", "--set", "classifier=logistic", "--no-refit", "--json")
    images = json.loads(result.stdout)["subtasks"][0]["images"]
    assert images["train"] + images["val"] == 24


def test_train_with_nothing_at_all_uses_the_drawn_sample(run, workdir):
    result = run("train", "subtask1", "--set", "classifier=logistic", "--json")
    assert "drawn sample in sample/" in result.stderr
    assert json.loads(result.stdout)["subtasks"][0]["images"] == {"train": 192, "val": 48, "refit": True}
    assert (workdir / "sample/devset/devset.csv").exists() and (workdir / "runs/first/subtask1").is_dir()
    predicted = run("predict", "first", "--json")
    assert json.loads(predicted.stdout)["images"] == 80, "the sample's test set, without asking"
    assert json.loads(run("submit", "first", "--partial", "--json").stdout)["cells"] == 80
    check = run("check", "runs/first/run.csv", "--ids", "sample/testset/testset.csv", "--partial", "--json")
    assert json.loads(check.stdout)[0]["ok"] is True
    run("check", "runs/first/run.csv", "--ids", "sample/testset", code=1)
    scores = json.loads(run("score", "runs/first/run.csv", "--truth", "sample/truth.csv", "--json").stdout)
    assert 0.3 < scores["subtask1"]["weighted_f1"] < 1


def test_train_takes_the_toml_in_the_folder(run, workdir, make_devset):
    devset = make_devset(24)
    (workdir / "mediaeval.toml").write_text(
        f'[data]\ndev = "{devset}"\n[subtask1]\nclassifier = {{ name = "logistic", C = 0.5 }}\n'
    )
    told = json.loads(run("train", "subtask1", "--json").stdout)["subtasks"][0]
    assert told["classifier"] == {"name": "logistic", "C": 0.5}


def test_all_trains_what_the_dev_set_has_and_says_so(run, workdir, make_devset):
    devset = make_devset(24)
    lines = [",".join(line.split(",")[:2]) for line in (devset / "devset.csv").read_text().splitlines()]
    (devset / "devset.csv").write_text("\n".join(lines) + "\n")
    result = run("train", "all", "--data", devset, "--set", "classifier=logistic", "--json")
    assert [s["subtask"] for s in json.loads(result.stdout)["subtasks"]] == ["subtask1"]
    assert "subtask1 only" in result.stderr


def test_split_is_what_train_uses(run, workdir, make_devset):
    devset = make_devset(60)
    told = json.loads(run("split", devset, "--out", "split.csv", "--json").stdout)
    assert told["train"] + told["val"] == 60 and told["largest_gap"] < 0.1
    run("train", "subtask1", "--data", devset, "--set", "classifier=logistic")
    assert (workdir / "split.csv").read_text() == (workdir / "runs/first/split.csv").read_text()
    assert "largest difference" in run("split", devset, "--out", "split.csv", "--how", "random", "--val", "0.4").stdout


def test_split_keeps_groups_together(run, workdir, make_devset):
    devset = make_devset(30)
    rows = [f"d{k},g{k // 5}" for k in range(30)]
    (workdir / "groups.csv").write_text("\n".join(["id,group", *rows]) + "\n")
    run("split", devset, "--out", "split.csv", "--groups", "groups.csv:group")
    sides = dict(line.split(",") for line in (workdir / "split.csv").read_text().splitlines()[1:])
    for group in range(6):
        assert len({sides[f"d{k}"] for k in range(5 * group, 5 * group + 5)}) == 1


def test_inspect_finds_what_was_planted(run, workdir):
    """`--traps` says in sample.json what it planted; inspect finds each of it."""
    run("sample", "s", "--dev", "60", "--test", "8", "--traps")
    traps = json.loads((workdir / "s/sample.json").read_text())["traps"]
    found = json.loads(run("inspect", "s/devset", "--json", code=1).stdout)
    assert set(found["unreadable"]) == {*traps["truncated"], *traps["zero_byte"]}
    pairs = {frozenset((p["first"], p["second"])): p for p in found["pairs"]}
    planted = {frozenset(pair) for pair in traps["duplicate_pairs"]}
    assert len(planted) == 8 and planted <= set(pairs)
    assert all(pairs[p]["conflicts"] for p in planted)
    assert {pairs[p]["how"] for p in planted} == {"bytes", "pixels", "near"}
    text = run("inspect", "s/devset", code=1).stdout
    assert "groups of duplicates, " in text and "conflicting" in text
    # features: the damaged are named and the rest is done; then training goes on without them
    told = run("features", "s/devset", "--json", code=1)
    assert {f["id"] for f in json.loads(told.stdout)["failures"]} == set(found["unreadable"])
    run("features", "s/devset", "--skip-bad")
    run("train", "subtask1", "--data", "s/devset", "--set", "classifier=logistic", code=1)
    run("train", "subtask1", "--data", "s/devset", "--set", "classifier=logistic", "--skip-bad")
    sides = dict(line.split(",") for line in (workdir / "runs/first/split.csv").read_text().splitlines()[1:])
    for first, second in traps["duplicate_pairs"]:
        assert sides[first] == sides[second]


def test_features_are_computed_once(run, workdir, make_devset):
    devset = make_devset(6)
    new = [json.loads(run("features", devset, "--json").stdout)["features"][0]["new"] for _ in range(2)]
    assert new == [6, 0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "subtask4"], 1, "unknown subtask 'subtask4'. Did you mean 'subtask"),
        (["train", "subtask1", "--data", "nowhere"], 1, "nowhere does not exist"),
        (["train", "subtask1", "--set", "classifier.epoch=3"], 1, "Did you mean 'epochs'"),
        (
            ["train", "subtask1", "--set", "classifier.epochs=none"],
            1,
            "epochs: got 'none'; expected a whole number",
        ),
        (["train", "subtask1", "--use", "handcraft"], 1, "Did you mean 'handcrafted'"),
        (["train", "subtask1", "--preset", "x"], 1, "unknown preset 'x'"),
        (["train", "subtask1", "--run", "../up"], 1, "letters, digits"),
        (["train", "subtask1", "--config", "no.toml"], 1, "no.toml does not exist"),
        (["train", "subtask1", "--no-such"], 2, "No such option"),
        (["train"], 2, ""),
        (["predict", "nothing"], 1, "runs/nothing does not exist. Runs in this folder: none yet"),
        (["submit", "nothing"], 1, "does not exist"),
        (["check", "no.csv", "--ids", "no-ids.csv"], 2, "no-ids.csv"),
        (["check", "no.csv"], 2, "--ids"),
        (["score", "no.csv", "--truth", "no.csv"], 1, "no.csv"),
        (["inspect", "nowhere"], 1, "nowhere does not exist"),
        (["split", "nowhere", "--out", "x.csv"], 1, "nowhere does not exist"),
        (["split", "nowhere", "--out", "x.csv", "--how", "fair"], 1, "'stratified' or 'random'"),
        (["features", "nowhere"], 1, "nowhere does not exist"),
        (["sample", "s", "--dev", "3"], 1, "at least 20"),
        (["ls", "task"], 1, "Did you mean 'tasks'"),
        (["ls", "settings", "mo"], 1, "unknown name 'mo'. Did you mean 'moe'? Known: run, task, data, split"),
        (["ls", "runs", "first"], 1, "mediaeval ls runs: got the name 'first'; expected none"),
    ],
)
def test_errors_are_sentences(run, workdir, make_devset, arguments, code, message):
    if "--data" not in arguments and arguments[0] == "train" and len(arguments) > 2:
        arguments = [*arguments, "--data", str(make_devset(12))]
    result = run(*arguments, code=code)
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_cuda_that_is_not_there_is_refused(run, workdir, make_devset, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = run("train", "subtask1", "--data", make_devset(12), "--device", "cuda", code=1)
    assert "no GPU that torch can use" in result.stderr


def test_lists_import_nothing_heavy():
    code = (
        "import sys; from mediaeval.cli import app; app(['ls', 'classifiers'], standalone_mode=False);"
        "heavy = {'torch', 'pandas', 'sklearn', 'cv2', 'timm', 'albumentations', 'matplotlib', 'numpy'};"
        "print('heavy:', *sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1].split() == ["heavy:"]


def test_a_reader_that_goes_away_is_no_traceback(workdir):
    command = f"{sys.executable} -c 'from mediaeval.cli import main; main()' ls extractors | true"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in result.stderr


def test_split_does_not_write_over_labels(make_devset, workdir, run):
    csv = make_devset(20) / "devset.csv"
    before = csv.read_bytes()
    told = run("split", "../devset", "--out", csv, code=1).stderr
    assert "exists already and is not a split" in told and csv.read_bytes() == before
    assert "is a folder" in run("split", "../devset", "--out", "../devset", code=1).stderr
    run("split", "../devset", "--out", "split.csv")
    run("split", "../devset", "--out", "split.csv", "--seed", "1")  # a split may be made anew


def test_images_of_other_formats_are_not_left_out_unseen(make_devset, workdir, run):
    folder = make_devset(6)
    (folder / "devset.csv").unlink()
    (folder / "images/x.heic").write_bytes(b"\0\0\0\x18ftypheic")
    told = run("check", "run.csv", "--ids", folder, code=2).stderr
    assert "x.heic" in told and "Convert it" in told


def test_a_folder_with_two_lists_takes_the_one_that_is_named(make_devset, workdir, run):
    folder = make_devset(20)
    (folder / "testset.csv").write_text("id\nd1\nd2\n")
    assert "got 2 CSVs" in run("inspect", folder, code=1).stderr
    assert "20 images" in run("inspect", folder / "devset.csv").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "subtask1", "--config", "."], "is a folder; expected a TOML file"),
        (["train", "subtask1", "--run", "x" * 300], "up to 100 letters"),
        (["train", "subtask1", "--run", "taken"], "runs/taken is a file"),
        (["train", "subtask1", "--set", "seed=1000000000000000000000"], "seed"),
        (["train", "subtask1", "--data", "../devset", "--set", "classifier.hidden=4000000000"], "Make its layers"),
    ],
)
def test_strange_requests_are_told_in_sentences(make_devset, workdir, run, arguments, message):
    make_devset(20)
    (workdir / "runs").mkdir()
    (workdir / "runs/taken").write_text("")
    assert message in run(*arguments, code=1).stderr


def test_a_damaged_run_hides_no_other(workdir, run):
    score = {"subtask": "subtask1", "weighted_f1": 0.5, "interval": [0.4, 0.6], "per_label": [], "n_images": 9}
    images = {"train": 36, "val": 9, "refit": True}
    good = {"subtask": "subtask1", "scale": "none", "blocks": {}, "thresholds": {}, "fallback": {}, "images": images}
    good |= {"validation": score, "models": {}}
    for name, subtask in (("good", json.dumps(good)), ("bad", "{}")):
        (workdir / f"runs/{name}/subtask1").mkdir(parents=True)
        (workdir / f"runs/{name}/manifest.json").write_text("{}")
        (workdir / f"runs/{name}/subtask1/subtask.json").write_text(subtask)
    told = run("ls", "runs").stdout
    assert "0.500" in told and "half written" in told


@leaves
def test_help_keeps_paragraphs_whole(words):
    """A line break inside a paragraph would stand in the middle of a line of a wide terminal."""
    assert "\n" not in LEAVES[words].help.replace("\n\n", "")


def test_help_comes_at_once():
    """What is imported is counted, since seconds depend on the machine; one generous limit for what counts miss."""
    code = (
        "import sys, time; start = time.perf_counter(); from mediaeval.cli import app;"
        "app(['--help'], standalone_mode=False); print(time.perf_counter() - start);"
        "heavy = {'torch', 'pandas', 'sklearn', 'cv2', 'timm', 'matplotlib', 'numpy', 'pydantic', 'filelock'};"
        "print('heavy:', *sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, heavy = result.stdout.splitlines()[-2:]
    assert heavy.split() == ["heavy:"]
    assert float(seconds) < 2
