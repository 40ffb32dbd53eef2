"""Which task a command is of: what it is given, the run's own, that of the settings, or Visual Sentiment 2021."""

from pathlib import Path

import pytest

from mediaeval.config.sections import RunSection, SubtaskSection
from mediaeval.digests import TEST
from mediaeval.errors import ConfigError, RunFolderError, UserError
from mediaeval.steps.subtasks import ALL
from mediaeval.tasks import decide_task, is_of_task, require_task, task_of_run, task_of_settings, write_task
from submission.task import Subtask, Task
from submission.taskfile import load_task, parse_task
from submission.taskfile.subtasks import RESERVED
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

SKY = """
name = "sky"

[[columns]]
heading = "phase"
type = "label"
labels = ["day", "dusk", "night"]

[[columns]]
headings = ["sun", "moon"]
type = "flag"

[[subtasks]]
name = "phase"
columns = ["phase"]

[[subtasks]]
name = "seen"
columns = ["sun", "moon"]
"""
IN_PYTHON = Task("made", (Subtask("phase", "phase", ("phase",), ("day", "night"), multi_label=False),))


@pytest.fixture
def sky(workdir) -> Task:
    """The task of sky.toml in this folder."""
    Path("sky.toml").write_text(SKY)
    return load_task("sky.toml")


def run_of(task: Task, name: str = "first") -> Path:
    """A run folder, of which only the task matters here."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    write_task(folder, task)
    return folder


def test_what_is_given_comes_first_then_the_run_then_the_settings(sky):
    assert decide_task() == VISUAL_SENTIMENT_2021
    Path("mediaeval.toml").write_text('[task]\nname = "flood2020"\n')
    assert decide_task().name == "flood2020"
    run = run_of(sky)
    assert decide_task(runs=[run]) == sky, "though mediaeval.toml is of another"
    assert decide_task("sky.toml", runs=[run]) == decide_task(sky, runs=[run]) == decide_task(Path("sky.toml")) == sky
    assert decide_task("visual-sentiment-2021") == VISUAL_SENTIMENT_2021
    assert decide_task(runs=[run_of(VISUAL_SENTIMENT_2021, "old")]) == VISUAL_SENTIMENT_2021
    assert decide_task(runs=[run], replace=True).name == "flood2020", "a run that is written over comes last"
    assert decide_task("sky.toml", runs=[Path("runs/old")], replace=True) == sky


def test_a_run_holds_the_bytes_of_its_task_file_but_for_2021(sky):
    assert (run_of(sky) / "task.toml").read_text() == SKY
    for task in (VISUAL_SENTIMENT_2021, IN_PYTHON):
        assert not list(run_of(task, task.name).iterdir())
    Path("sky.toml").unlink()
    assert task_of_run(Path("runs/first")) == sky


def test_a_run_of_another_task_is_refused(sky):
    run, old = run_of(sky), run_of(VISUAL_SENTIMENT_2021, "old")
    with pytest.raises(RunFolderError, match=r"^runs/first is of the task 'sky'; .* 'flood2020'.*task.toml\.$"):
        decide_task("flood2020", runs=[run])
    with pytest.raises(RunFolderError, match=r"^runs/old is of .*visual.* expected .*'sky'.* visual-sentiment-2021\.$"):
        decide_task(runs=[run, old])
    Path("sky.toml").write_text(SKY.replace('"dusk", ', ""))
    with pytest.raises(RunFolderError, match="made with another version of the task file of 'sky'"):
        decide_task("sky.toml", runs=[run])
    assert not is_of_task(run, VISUAL_SENTIMENT_2021) and is_of_task(Path("runs/none"), sky)
    require_task(old, IN_PYTHON)  # its subtasks are looked at when it is opened


def test_a_damaged_task_file_of_a_run_is_named_with_what_to_do(sky):
    run = run_of(sky)
    (run / "task.toml").write_text("name = 3")
    with pytest.raises(RunFolderError, match=r"(?s)runs/first/task.toml:1: name: .*part of the run: put it back"):
        decide_task(runs=[run])
    assert decide_task(sky, runs=[run], replace=True) == sky


def test_the_file_of_the_settings_is_meant_from_their_folder(sky):
    folder = Path("elsewhere")
    folder.mkdir()
    Path("sky.toml").rename(folder / "mine.toml")
    (folder / "mediaeval.toml").write_text('[task]\nfile = "mine.toml"\n')
    assert decide_task(settings=folder / "mediaeval.toml") == sky
    assert task_of_settings(None) is None


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("", 'got neither a name nor a file; expected one of them, such as name = "flood2020".'),
        ('name = "flood2020"\nfile = "sky.toml"', "got a name and a file; expected one of them"),
        ('name = "flod2020"', "unknown task 'flod2020'. Did you mean 'flood2020'?"),
        ('file = "none.toml"', "none.toml does not exist"),
        ('nam = "flood2020"', "unknown setting 'task.nam'. Did you mean 'name'?"),
        ("name = 2", "task.name: got 2; expected"),
    ],
)
def test_a_wrong_section_is_one_sentence(sky, section, problem):
    Path("mediaeval.toml").write_text(f"[task]\n{section}\n")
    with pytest.raises(ConfigError) as caught:
        decide_task()
    assert len(caught.value.problems) == 1 and problem in str(caught.value)


def test_what_is_given_must_be_a_task(workdir):
    with pytest.raises(UserError, match="unknown task 'fl'"):
        decide_task("fl")


def test_no_subtask_of_a_task_file_is_called_like_a_section_a_setting_or_a_folder_of_a_run():
    taken = [*RunSection.model_fields, *SubtaskSection.model_fields, "data", "split", "features", "task", "extractors"]
    assert {*taken, ALL, TEST} == set(RESERVED)
    with pytest.raises(UserError, match=r"^sky:18: subtasks.name: got 'Test'; expected another name"):
        parse_task(SKY.replace('name = "seen"', 'name = "Test"'), "sky")
