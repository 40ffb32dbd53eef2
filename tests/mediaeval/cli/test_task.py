"""mediaeval task new, check and show, and the same in python -m submission."""

import json
import tomllib

import pytest

from mediaeval.config.config import _SECTIONS
from mediaeval.config.sections import RunSection
from submission.__main__ import main
from submission.taskfile import task_names
from submission.taskfile.subtasks import RESERVED

pytestmark = pytest.mark.integration
DEVSET = "id,sky,ship\na,clear,1\nb,fog,0\nc,clear,0\n"


def test_a_draft_is_written_confirmed_and_checked(run, workdir):
    (workdir / "skies.csv").write_text(DEVSET)
    written = run("task", "new", "--from", "skies.csv", "--out", "skies.toml")
    assert written.stdout == ""
    assert (
        "skies.toml is a draft: confirm what its comments say, then: mediaeval task check skies.toml" in written.stderr
    )
    assert run("task", "check", "skies.toml").stdout == (
        "skies.toml: no problems. skies: 3 columns, 2 subtasks; lenient scoring\n"
        "sky\tf1|average:weighted|absent:zero|columns:sky|v:1\n"
        "ship\tf1|average:positive|positive:1|absent:zero|columns:ship|v:1\n"
    )
    assert run("task", "show", "skies.toml").stdout.endswith(
        "Example\n  id,sky,ship\n  image1,clear,1\n  image2,fog,0\n  image3,clear,1\n"
    )


def test_a_file_that_is_there_is_not_written_over(run, workdir):
    (workdir / "task.toml").write_text("mine")
    assert "task.toml exists already; expected a new file." in run("task", "new", "--out", "task.toml", code=1).stderr
    assert (workdir / "task.toml").read_text() == "mine"


def test_without_a_table_every_key_is_listed(run, workdir):
    assert tomllib.loads(run("task", "new").stdout)["name"] == "mytask"


def test_problems_are_printed_with_their_lines_and_the_status_is_1(run, workdir):
    (workdir / "task.toml").write_text('name = "a"\n[[columns]]\nheading = "p"\ntype = "propability"\n')
    result = run("task", "check", "task.toml", "flood2020", code=1)
    first, second, third, _ = result.stdout.splitlines()
    assert first.startswith("task.toml:4: columns.type: got 'propability'; expected one of ")
    assert first.endswith("Did you mean 'probability'?")
    assert second == "task.toml: 1 problem"
    assert third.startswith("flood2020: no problems.")
    assert run("task", "show", "task.toml", code=1).stderr.startswith("task.toml:4: columns.type")
    bad, good = json.loads(run("task", "check", "task.toml", "flood2020", "--json", code=1).stdout)
    assert [problem["line"] for problem in bad["problems"]] == [4]
    assert good["ok"]


def test_the_other_program_says_the_same(run, workdir, capsys):
    (workdir / "task.toml").write_text('name = "a"\n')
    (workdir / "skies.csv").write_text(DEVSET)
    for arguments, code in (
        (["task", "check", "task.toml"], 1),
        (["task", "check", "ranked"], 0),
        (["task", "show", "ranked"], 0),
        (["task", "show", "ranked", "--json"], 0),
        (["task", "new", "--from", "skies.csv"], 0),
        (["task", "new"], 0),
    ):
        assert main(arguments) == code
        assert capsys.readouterr().out == run(*arguments, code=code).stdout


def test_ls_tasks_lists_task_files_and_ls_subtasks_those_of_the_task(run, workdir):
    tasks = json.loads(run("ls", "tasks", "--json").stdout)
    assert tuple(row["task"] for row in tasks) == task_names()
    subtasks = json.loads(run("ls", "subtasks", "--json").stdout)
    assert [row["task"] for row in subtasks] == ["subtask1", "subtask2", "subtask3"]
    assert list(tasks[0])[: len(subtasks[0])] == list(subtasks[0]), "the keys of the old list come first"
    other = json.loads(run("ls", "subtasks", "--task", "memorability2026", "--json").stdout)
    assert [row["task"] for row in other] == ["memorability", "brand"]


def test_no_subtask_has_the_name_of_a_section_of_settings():
    assert {*_SECTIONS, *RunSection.model_fields, "extractors", "task", "all"} <= set(RESERVED)
