"""Run folders: their records say the same after reading and writing; what cannot be read is refused in a sentence."""

import json
import re
from pathlib import Path

import pytest

from mediaeval.errors import RunFolderError
from mediaeval.records import (
    EnsembleMember,
    EnsembleRecord,
    ExtractorRecord,
    PredictionRecord,
    RunManifest,
    SubtaskRecord,
)
from mediaeval.runs import RunFolder, all_runs, open_run, run_folder, write_record
from submission.score import LabelScore, SubtaskScore

MANIFEST = RunManifest(
    command="mediaeval train all",
    versions={"python": "3.11"},
    header=("id", "T1"),
    extractors={"b": ExtractorRecord(2, {"kind": "x"}), "a": ExtractorRecord(3, {})},
    images={"d0": "00"},
    left_out={"d1": "the file is absent"},
)
SUBTASK = SubtaskRecord(
    subtask="subtask1",
    settings={"classifier": {"name": "dummy"}, "augment": 0, "threshold": 0.5},
    scale="none",
    blocks={"b": 2},
    thresholds={"negative": 0.5},
    prior={"negative": 0.25},
    n_train=8,
    n_val=2,
    refitted=True,
    score=SubtaskScore("subtask1", 0.5, (0.25, 0.75), [LabelScore("negative", 0.5, 2)], 2),
    baselines={"the most common": 0.25},
    models={"model.safetensors": "00"},
)
ENSEMBLE = EnsembleRecord("vote", (EnsembleMember("a", {"model.safetensors": "00"}, {"negative": 0.5}),))
PREDICTIONS = PredictionRecord(
    data="testset",
    ids=("t1", "t0"),
    images={"t1": "00"},
    failures={"t0": "the file is empty"},
    config="00",
    tables={"subtask1": "00"},
    models={"subtask1": "00"},
    versions={"python": "3.11"},
)
RECORDS = [MANIFEST, SUBTASK, ENSEMBLE, PREDICTIONS]
ROOT = Path(__file__).parents[2]


def make_run(folder: Path) -> RunFolder:
    """A run folder with one subtask whose files hold the records above."""
    run = RunFolder(folder)
    run.subtask("subtask1").mkdir(parents=True)
    write_record(run.path, MANIFEST)
    write_record(run.subtask("subtask1"), SUBTASK)
    run.config.write_text("")
    run.split.write_text("id,side\n")
    return run


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.FILE)
def test_what_was_written_is_read(record, tmp_path):
    write_record(tmp_path, record)
    assert type(record).from_dict(json.loads((tmp_path / record.FILE).read_text())) == record


# of subtask.json, what is not a key of the record is a setting
@pytest.mark.parametrize("record", [MANIFEST, ENSEMBLE, PREDICTIONS], ids=lambda record: record.FILE)
def test_keys_of_a_later_version_are_passed_over(record):
    assert type(record).from_dict(record.to_dict() | {"new": 1}) == record


def test_the_first_versions_had_no_baselines(tmp_path):
    old = SUBTASK.to_dict()
    old["validation"] = {k: v for k, v in old["validation"].items() if k != "baselines"} | {"dummy_weighted_f1": 0.2}
    read = SubtaskRecord.from_dict(old)
    assert read.score == SUBTASK.score and read.baselines == {}


@pytest.mark.parametrize("layout", [2, "1", None, 0])
def test_another_layout_is_refused_with_what_to_do(layout, tmp_path):
    run = make_run(tmp_path / "runs/first")
    run.manifest.write_text(json.dumps(MANIFEST.to_dict() | {"format": layout}))
    expected = rf"runs/first has layout {layout!r}, .* reads layout 1\. Update mediaeval, or train the run again"
    with pytest.raises(RunFolderError, match=expected):
        open_run("first", tmp_path / "runs")


@pytest.mark.parametrize(
    ("file", "text", "remedy"),
    [
        ("manifest.json", "{", "mediaeval train all --run first --replace"),
        ("manifest.json", '{"header": []}', "mediaeval train all --run first --replace"),
        ("subtask1/subtask.json", "[]", "mediaeval train all --run first --replace"),
        (
            "subtask1/subtask.json",
            json.dumps(SUBTASK.to_dict() | {"thresholds": {"positive": 3}}),
            "mediaeval train all --run first --replace",
        ),
        ("test/test.json", '{"ids": 3}', "mediaeval predict first"),
    ],
)
def test_a_damaged_record_is_told_with_what_to_do(file, text, remedy, tmp_path):
    run = make_run(tmp_path / "first")
    (run.path / file).parent.mkdir(exist_ok=True)
    (run.path / file).write_text(text)
    with pytest.raises(RunFolderError, match=rf"half written: {file} is absent or damaged(.|\n)*{remedy}"):
        open_run("first", tmp_path).read_subtask("subtask1")
        run.read_predictions()


def test_runs_lie_where_they_are_told_to(tmp_path):
    make_run(tmp_path / "mine/first")
    assert open_run("first", tmp_path / "mine").path == tmp_path / "mine/first"
    assert open_run(f"{tmp_path}/mine/first/", tmp_path / "mine").name == "first", "the path itself may be given"
    assert [run.name for run in all_runs(tmp_path / "mine")] == ["first"]
    assert all_runs(tmp_path / "nowhere") == []
    with pytest.raises(RunFolderError, match=rf"{tmp_path}/mine/second does not exist\. Runs in this folder: first\."):
        open_run("second", tmp_path / "mine")


@pytest.mark.parametrize("opening", [run_folder, open_run])
def test_a_file_in_place_of_the_runs_is_refused(opening, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunFolderError, match=r"runs is a file; expected the folder that runs are kept in\."):
        opening("first", tmp_path / "runs")


def test_one_place_knows_each_record_and_the_proof_reads_for_itself():
    """verify shares nothing with what wrote the run file: it reads subtask.json on its own."""
    names = [record.FILE for record in RECORDS]
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "mediaeval").rglob("*.py")
        for name in names
        if re.search(rf'"{re.escape(name)}"', path.read_text(encoding="utf-8"))
    }
    assert found == {("mediaeval/records.py", name) for name in names} | {
        ("mediaeval/proofs/submit.py", "subtask.json")
    }
