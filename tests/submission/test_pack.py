"""Packing: the name, the archive and the proof of what is sent; what is refused, and what a team still lacks."""

import zipfile

import pytest

from submission.__main__ import main
from submission.check import check_file
from submission.errors import RunFileError
from submission.layout import RunKind
from submission.pack import RunSlot, pack_run
from submission.patterns import Pattern
from submission.task import Subtask, Task

IDS = ["a", "b"]
SOUND = b"image,sky\na,clear\nb,fog\n"


def task(**patterns: str) -> Task:
    fixed = {key: Pattern.parse(text) for key, text in patterns.items()}
    kinds = (RunKind("open", **fixed, most=2), RunKind("closed", Pattern.parse("{team}.closed"), required=True))
    return Task("sky", (Subtask("sky", "sky", ("sky",), ("clear", "fog"), False),), id_column="image", runs=kinds)


ZIPPED = task(file="*.csv", zip="{team}_{kind}.zip")


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run.csv"
    path.write_bytes(SOUND)
    return path


def packed(run, of, team="us", kind="open", **options):
    of_slot = {key: options.pop(key) for key in ("number", "name") if key in options}
    return pack_run(run, of.header, IDS, RunSlot(kind, team, **of_slot), run.parent / "sent", **options)


def test_a_run_is_named_zipped_and_read_back_with_the_same_bytes_at_any_time(run):
    found = packed(run, ZIPPED)
    assert found.path.name == "us_open.zip" and found.inner == "run.csv" and found.lacking == ("closed",)
    assert check_file(found.path, IDS, ZIPPED.header).problems == ()
    with zipfile.ZipFile(found.path) as archive:
        (member,) = archive.infolist()
        assert archive.read(member) == SOUND
        assert (member.date_time, member.extra, member.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), b"", 0o644)
    assert packed(run, ZIPPED).sha256 == found.sha256
    assert packed(run, ZIPPED, kind="closed").lacking == ()


@pytest.mark.parametrize(
    ("patterns", "options", "name"),
    [
        ({"file": "ME_{team}_{run}.csv"}, {}, "ME_us_1.csv"),
        ({"file": "ME_{team}_{run}.csv"}, {"number": 7}, "ME_us_7.csv"),
        ({"file": "me_[0-9]{3}.csv"}, {"name": "me_001.csv"}, "me_001.csv"),
        ({"file": "*.csv"}, {}, "run.csv"),
        ({}, {}, "run.csv"),
    ],
)
def test_names_are_those_of_the_task(run, patterns, options, name):
    assert packed(run, task(**patterns), **options).path.name == name


def test_numbers_go_on_and_there_are_no_more_than_the_task_takes(run):
    of = task(file="ME_{team}_{run}.csv")
    assert [packed(run, of).path.name for _ in range(2)] == ["ME_us_1.csv", "ME_us_2.csv"]
    with pytest.raises(RunFileError, match=r"got 2 of the kind open already, 'ME_us_1.csv', .*; expected at most 2"):
        packed(run, of)
    assert packed(run, of, team="others").path.name == "ME_others_1.csv"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "opne"}, r"kind: got 'opne'; expected open or closed. Did you mean 'open'?"),
        ({"team": "a/b"}, r"team: got 'a/b'; expected 1 to 64 letters"),
        ({"team": ""}, r"team: got ''"),
    ],
)
def test_another_kind_or_team_is_refused(run, options, message):
    with pytest.raises(RunFileError, match=message):
        packed(run, ZIPPED, **options)
    assert not (run.parent / "sent").exists()


def test_a_name_that_the_task_leaves_open_must_fit(run):
    with pytest.raises(RunFileError, match=r"got 'run.csv'; expected one such as 'me_\[0-9\]\{3\}.csv'. Give one with"):
        packed(run, task(file="me_[0-9]{3}.csv"))
    with pytest.raises(RunFileError, match=r"got 'run.csv'; expected one such as 'r_"):
        packed(run, task(file="r_*.csv", zip="{team}.zip"))


def test_a_run_with_problems_is_not_packed_and_another_one_is_not_replaced(run):
    packed(run, ZIPPED)
    run.write_bytes(SOUND.replace(b"fog", b"Fog"))
    with pytest.raises(RunFileError, match=r"run.csv:3: sky: got 'Fog'; .*\nNothing was packed."):
        packed(run, ZIPPED)
    run.write_bytes(SOUND.replace(b"fog", b"clear"))
    with pytest.raises(RunFileError, match=r"is there already, with another run. Pass --replace"):
        packed(run, ZIPPED)
    packed(run, ZIPPED, replace=True)


TASK_FILE = """\
name = "floods"
[[columns]]
heading = "flood"
type = "flag"
[[runs]]
kind = "001"
file = "ME_{team}_001.txt"
required = true
[[runs]]
kind = "002"
file = "ME_{team}_002.txt"
"""


def test_the_command_says_what_it_wrote(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.toml").write_text(TASK_FILE)
    (tmp_path / "ids.csv").write_text("id\n1090969737671131140\n")
    (tmp_path / "run.csv").write_text("id,flood\n1090969737671131140,1\n")
    arguments = ["pack", "run.csv", "--task", "task.toml", "--team", "us", "--ids", "ids.csv", "--kind"]
    assert main([*arguments, "002"]) == 0
    assert capsys.readouterr().out.splitlines()[::2] == [
        "sent/ME_us_002.txt: 1 row",
        "still to be packed: 001, which the task requires as well",
    ]
    assert main([*arguments, "006"]) == 1
    assert "kind: got '006'" in capsys.readouterr().err
