"""The ledger under trouble: cut lines, full disks, other versions, several processes at once."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from submission.errors import RunFileError
from submission.ledger import Ledger, LedgerEntry
from submission.taskfile import load_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

OLD = {"run": "old", "sha256": "0" * 64, "time": "2021-11-01", "subtasks": ["subtask1"], "expected": {"subtask1": 0.5}}
OLD |= {"n_images": 20}


def entry(run: str, manifest: str | None = None) -> LedgerEntry:
    return LedgerEntry(run, run * 8, "2021-11-02T00:00:00+00:00", ("subtask1",), {"subtask1": 0.5}, 20, manifest)


def test_a_line_says_its_format_and_what_its_scores_are(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("a", "d1"))
    line = json.loads(path.read_text())
    assert line["format"] == 2 and line["validation"] == {"subtask1": 0.5} and line["manifest"] == "d1"
    assert "expected" not in line


def test_lines_of_other_versions_are_read_and_stay_as_they_are(tmp_path):
    path = tmp_path / "ledger.jsonl"
    later = entry("later").to_dict() | {"format": 3, "signature": [1, 2]}
    lines = json.dumps(OLD | {"note": "mine"}) + "\n" + json.dumps(later) + "\n"
    path.write_text(lines)
    old, new = Ledger(path, TASK).entries
    assert old.validation == {"subtask1": 0.5} and old.others == {"note": "mine"} and old.manifest is None
    assert new.others == {"signature": [1, 2]} and new.to_dict()["signature"] == [1, 2]
    (warning,) = Ledger(path, TASK).record(entry("third"))
    assert "run 3, after old, later" in warning
    assert path.read_text().startswith(lines)


def test_a_line_names_another_task_and_its_runs_are_counted_apart(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for run in ("a", "b"):
        Ledger(path, TASK).record(entry(run))
    assert '"task"' not in path.read_text(), "lines of 2021 stay as they are"
    flood = load_task("flood2020")
    sent = replace(entry("c"), subtasks=("flood2020",), task="flood2020")
    assert Ledger(path, flood).record(sent) == [], "its organisers do not limit the number of runs"
    assert json.loads(path.read_text().splitlines()[-1])["task"] == "flood2020"
    other = replace(entry("d"), task="other")
    assert Ledger(path, TASK).record(other) == [] and Ledger(path, TASK).entries[-1] == other
    (warning,) = Ledger(path, TASK).record(entry("e"))
    assert "run 3, after a, b" in warning


def test_a_line_ends_with_what_its_scores_depend_on(tmp_path):
    path, signatures = tmp_path / "ledger.jsonl", {"subtask1": "f1|average:weighted|absent:zero|columns:T1|v:1"}
    Ledger(path, TASK).record(replace(entry("a"), signatures=signatures))
    assert path.read_text().endswith(f', "metrics": {json.dumps(signatures)}}}\n')
    assert Ledger(path, TASK).entries[-1].signatures == signatures
    path.write_text(path.read_text().replace('"f1|average:weighted|absent:zero|columns:T1|v:1"', "1"))
    with pytest.raises(RunFileError, match="this line is not a record of a run"):
        Ledger(path, TASK)


@pytest.mark.parametrize("cut", [b'{"run": "lost", "sha2', b"{", b"\0\0\0\0"])
def test_a_line_that_was_cut_off_is_set_aside_and_nothing_is_refused(cut, tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + cut)
    assert [one.run for one in Ledger(path, TASK).entries] == ["a"]
    (warning,) = Ledger(path, TASK).record(entry("b"))
    assert "cut off while it was written, and is now in" in warning and "Submit that run again" in warning
    assert (tmp_path / "ledger.cut.jsonl").read_bytes() == cut + b"\n"
    assert path.read_bytes().startswith(whole) and [one.run for one in Ledger(path, TASK).entries] == ["a", "b"]


@pytest.mark.parametrize("written", [0, 7])
def test_a_full_disk_leaves_the_ledger_as_it_was(written, tmp_path, monkeypatch):
    """The disk takes 7 bytes and then none, as one that is nearly full."""
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("a"))
    before, real, room = path.read_bytes(), os.write, [written]

    def nearly_full(handle, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(handle, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(RunFileError, match=r"b could not be recorded \(No space left(.|\n)*mediaeval submit b"):
        Ledger(path, TASK).record(entry("b"))
    monkeypatch.undo()
    assert path.read_bytes() == before
    Ledger(path, TASK).record(entry("b"))
    assert len(path.read_text().splitlines()) == 2


def test_of_ten_at_once_each_knows_of_those_before(tmp_path):
    """The organisers accept 2 runs per subtask: of ten, eight are warned, each with another number."""
    path = tmp_path / "ledger.jsonl"
    ledgers = [Ledger(path, TASK) for _ in range(10)]  # all read before any of them writes
    with ThreadPoolExecutor(10) as pool:
        warnings = list(pool.map(lambda k: ledgers[k].record(entry(f"run{k}")), range(10)))
    assert len(path.read_text().splitlines()) == 10
    numbers = sorted(int(warning[0].split("this is run ")[1].split(",")[0]) for warning in warnings if warning)
    assert numbers == list(range(3, 11))


def test_a_file_that_is_the_same_while_what_made_it_changed_is_recorded_with_a_warning(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("a", "d1"))
    assert Ledger(path, TASK).record(entry("a", "d1")) == []
    (warning,) = Ledger(path, TASK).record(entry("a", "d2"))
    assert "manifest.json has another digest" in warning and len(path.read_text().splitlines()) == 2


def test_a_pipe_is_no_ledger(tmp_path):
    os.mkfifo(tmp_path / "ledger.jsonl")
    with pytest.raises(RunFileError, match="named pipe"):
        Ledger(tmp_path / "ledger.jsonl", TASK)


def test_a_line_of_a_later_version_that_cannot_be_read_is_told_apart_from_damage(tmp_path):
    (tmp_path / "ledger.jsonl").write_text('{"format": 3, "runs": ["a"]}\n')
    with pytest.raises(RunFileError, match=r"ledger.jsonl:1: got a record of format 3.*Update mediaeval"):
        Ledger(tmp_path / "ledger.jsonl", TASK)


def test_what_an_editor_adds_to_the_ledger_is_passed_over(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(OLD).encode() + b"\r\n\r\n   \r\n")
    assert Ledger(path, TASK).record(entry("a")) == []
    assert [one.run for one in Ledger(path, TASK).entries] == ["old", "a"]


def test_a_cut_line_is_not_set_aside_into_a_pipe(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"run"')
    os.mkfifo(tmp_path / "ledger.cut.jsonl")
    with pytest.raises(RunFileError, match=r"a could not be recorded \(.*ledger.cut.jsonl: "):
        Ledger(path, TASK).record(entry("a"))
    assert path.read_bytes() == b'{"run"'
