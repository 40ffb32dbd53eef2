"""Evidence: which extractors it takes while there is time, on a path of its own, and what it says of itself."""

import errno
import logging
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mediaeval.cli.check import _outcome
from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import ImageError, WeightsError
from mediaeval.features.feature_extractor import FeatureExtractor, decoded_by
from mediaeval.proofs import evidence_features as module
from mediaeval.proofs.align import AlignmentChecker
from mediaeval.proofs.evidence import evidence_of
from mediaeval.proofs.own_folder import held_out_answers
from mediaeval.proofs.selftest import self_test
from submission.check import expected_header
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

pytestmark = pytest.mark.integration

SECONDS = {"quick": 0.01, "strong": 0.2, "huge": 9.0, "broken": 0.0, "slow": 0.0}  # per image


def colours(name: str) -> FeatureExtractor:
    """A fake network: colours by place; `slow` takes its time."""

    def prepare(image):
        time.sleep(0.02 if name == "slow" else 0)
        return np.asarray(image.resize((4, 4)), np.float32).ravel()

    return FeatureExtractor(name, {"kind": "fake", "name": name, "decoder": "pillow"}, 48, prepare, lambda batch: batch)


@pytest.fixture
def sets(make_devset, tmp_path, monkeypatch):
    """Dev and test set of 60 images each; the fakes are at hand, `broken` has a truncated file."""

    def build_all(names, known, engine, decoder):
        if "broken" in names:
            raise WeightsError("extractor 'broken': broken.safetensors is cut short. Fetch it again.")
        return [decoded_by(decoder, colours(name)) for name in names]

    folder = make_devset(60)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "build_all", build_all)
    monkeypatch.setattr(module, "at_hand", lambda config: ["huge", "strong", "broken", "quick"])
    monkeypatch.setattr(module, "seconds_per_image", lambda extractor: SECONDS[extractor])
    monkeypatch.setattr(module, "_engine", lambda *arguments: None)
    config = load_config(task=TASK)
    monkeypatch.setattr(type(config), "all_extractors", lambda self: {name: name for name in SECONDS})
    dataset = load_dataset(folder, TASK)
    return dataset, dataset, config


def test_the_strongest_come_first_while_there_is_time_and_what_is_left_out_is_named_with_the_reason(sets):
    found = module.of_best_at_hand(*sets, "cpu", minutes=1, first=["quick"])
    assert list(found.vectors) == ["quick", "strong"]
    assert re.fullmatch(
        r"it would take about 18 minutes, and \d+ seconds are left of --evidence-time 1", found.left_out["huge"]
    )
    assert found.left_out["broken"] == "extractor 'broken': broken.safetensors is cut short. Fetch it again"
    text = evidence_of(sets[0], sets[0].table, sets[1], found, sets[2]).text()
    assert "evidence: without huge: it would take about 18 minutes" in text and "with a correlation of" in text
    assert list(module.of_best_at_hand(*sets, "cpu", minutes=0.1).vectors) == ["quick", "strong"][::-1], "it is stored"


def test_an_extractor_that_takes_longer_than_it_says_is_given_up(sets, monkeypatch):
    monkeypatch.setattr(module, "at_hand", lambda config: ["slow"])
    monkeypatch.setattr(module, "_BEGINNING", 4)
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    found = module.of_best_at_hand(*sets, "cpu", minutes=0.0001)
    assert list(found.vectors) == ["witness"] and "it would take" in found.left_out["slow"]


def test_a_runs_decoding_and_its_store_have_no_part_in_evidence(sets, monkeypatch):
    def fail(data, *, scaled=False, thorough=False):
        raise ImageError("a bug in the usual decoding")

    monkeypatch.setattr("mediaeval.features.preparing.decode", fail)
    found = module.of_best_at_hand(*sets, "cpu")
    assert not found.vectors["quick"].test.failures
    assert {path.parent for path in Path().rglob("*.features")} == {module.FOLDER}


def test_where_nothing_is_at_hand_the_witness_stands_alone_and_says_how_to_do_better(sets, monkeypatch):
    monkeypatch.setattr(module, "at_hand", lambda config: [])
    found = evidence_of(sets[0], sets[0].table, sets[1], module.of_best_at_hand(*sets, "cpu"), sets[2])
    assert list(found.weights) == ["witness"]
    assert "mediaeval weights fetch small" in found.text() and "--use" in found.text()
    left_out = module.Gathered(module.of_best_at_hand(*sets, "cpu").vectors, {"huge": "it would take long"})
    found = evidence_of(sets[0], sets[0].table, sets[1], left_out, sets[2])
    assert "remove one of these reasons" in found.text() and "fetch small" not in found.text(), "weights are here"


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(sets, monkeypatch, caplog):
    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    with caplog.at_level(logging.WARNING):
        assert module.of_best_at_hand(*sets, "cpu").vectors
    assert "cannot be written to (Read-only file system)" in caplog.text
    assert not list(module.FOLDER.glob("*"))


def test_images_that_opencv_cannot_decode_are_left_out_and_named(sets):
    dataset = sets[0]
    (dataset.folder / "images/d3.jpg").write_bytes(b"no image")
    found = evidence_of(dataset, dataset.table, dataset, module.of_best_at_hand(*sets, "cpu"), sets[2])
    assert "d3" not in found.expectation.ids and len(found.expectation.ids) == 59
    assert "1 of 60 images have no features (d3: the file is a text file" in found.text()
    assert "their rows are not tested" in found.text()


def test_a_run_folder_that_is_damaged_is_no_reason_against_its_run_file(tmp_path, sets, caplog):
    (tmp_path / "runs/bad").mkdir(parents=True)
    (tmp_path / "runs/bad/manifest.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert held_out_answers(tmp_path / "runs/bad/run.csv", sets[0].table, TASK) == {}
    assert "runs/bad is a run, but nothing of it is used: " in caplog.text
    assert held_out_answers(tmp_path / "elsewhere.csv", sets[0].table, TASK) == {}


def test_files_of_one_damaged_run_folder_are_checked_with_one_warning(tmp_path, sets, caplog):
    (tmp_path / "runs/bad").mkdir(parents=True)
    (tmp_path / "runs/bad/manifest.json").write_text("{")
    files = [tmp_path / f"runs/bad/{name}.csv" for name in "abc"]
    for file in files:
        file.write_bytes(sets[0].table.path.read_bytes())
    with caplog.at_level(logging.WARNING):
        check = AlignmentChecker(sets[1].folder, sets[0].folder, sets[2], device="cpu", runs=files)
        assert all(check(file).alignment is not None for file in files)
    assert caplog.text.count("runs/bad is a run, but nothing of it is used: ") == 1


def test_no_file_is_suspicious_where_test_and_dev_images_are_of_different_kinds(tmp_path, sets, monkeypatch):
    check = AlignmentChecker(sets[1].folder, sets[0].folder, sets[2], device="cpu")
    file = tmp_path / "run.csv"
    file.write_bytes(sets[0].table.path.read_bytes())
    found = replace(check(file).alignment, verdict="suspicious")
    monkeypatch.setattr("mediaeval.proofs.align.align", lambda *arguments: found)
    assert check(file).verdict == "suspicious" and not check(file).ok
    check.evidence = replace(check.evidence, far=True)
    assert check(file).verdict == "cannot-tell" and "of different kinds" in check(file).alignment.reason
    assert check(file).alignment.not_tested and not check(file).codes


def test_a_self_test_of_a_file_that_is_accused_already_says_that_this_does_not_count(sets, caplog):
    file, found = sets[0].table.path, SimpleNamespace(codes=["rows-unrelated"])
    with caplog.at_level(logging.WARNING):
        self_test(file, sets[0].ids, expected_header(file, TASK), lambda path: found, partial=True)
    assert "got rows-unrelated before any fault is introduced; expected a sound file" in caplog.text


@pytest.mark.parametrize(
    ("verdict", "accused", "constant", "form", "outcome"),
    [
        ("aligned", False, False, True, "aligned"),
        ("aligned", False, True, True, "aligned with other problems"),
        ("cannot-tell", False, False, False, "cannot-tell with other problems"),
        ("misaligned", True, False, True, "misaligned"),
    ],
)
def test_of_several_files_those_with_other_problems_are_counted_apart(verdict, accused, constant, form, outcome):
    found = SimpleNamespace(verdict=verdict, ok=not accused and not constant, alignment=SimpleNamespace(ok=not accused))
    assert _outcome(SimpleNamespace(ok=form), found) == outcome


VERDICTS = {"good": (True, "aligned"), "bad": (False, "misaligned"), "odd": (False, "suspicious")}


@pytest.mark.parametrize(
    ("files", "options", "status"),
    [
        ("good good", (), 0),
        ("good poor", (), 3),
        ("good poor", ("--accept-cannot-tell",), 0),
        ("poor bad", (), 1),
        ("odd", (), 1),
        ("odd", ("--accept-cannot-tell",), 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst_file(make_devset, run, monkeypatch, files, options, status):
    class Stub:
        def __init__(self, file):
            self.alignment = self
            self.ok, self.verdict = VERDICTS.get(file.stem, (True, "cannot-tell"))

        def text(self):
            return self.verdict

    monkeypatch.setattr(AlignmentChecker, "__init__", lambda self, *arguments, **options: None)
    monkeypatch.setattr(AlignmentChecker, "__call__", lambda self, path: Stub(path))
    monkeypatch.setattr(AlignmentChecker, "evidence", Stub(Path("good.csv")), raising=False)
    folder = make_devset(4)
    text = (folder / "devset.csv").read_bytes()
    paths = []
    for k, name in enumerate(files.split()):
        paths.append(folder.parent / f"{k}/{name}.csv")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(text)
    run("check", *paths, "--data", folder, "--dev", folder, "--partial", *options, code=status)
