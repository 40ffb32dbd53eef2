"""The command: what it prints, its exit status, and how little it loads."""

import json
import resource
import subprocess
import sys

import pytest

from submission.__main__ import main
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

RUN = f"""\
{",".join(VISUAL_SENTIMENT_2021.header.cells)}
b,negative,0,1,1,0,0,0,0,0,1,0,1,0,0,0,0,1,0
a,positive,1,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testset.csv").write_text("id\nb\na\n")
    (tmp_path / "run.csv").write_text(RUN)
    return tmp_path


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "submission", *arguments], capture_output=True, text=True, **options)


def test_a_clean_run(folder, capsys):
    assert main(["check", "run.csv", "--ids", "testset.csv"]) == 0
    assert capsys.readouterr() == ("run.csv: 2 rows of subtask1, subtask2 and subtask3, no problems\n", "")


def test_several_runs_of_which_one_has_a_problem(folder, capsys):
    (folder / "run2.csv").write_text(RUN.replace("b,negative", "b,Negative"))
    assert main(["check", "run.csv", "run2.csv", "absent.csv", "--ids", "."]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "run.csv: 2 rows of subtask1, subtask2 and subtask3, no problems",
        "run2.csv:2: T1: got 'Negative'; expected negative, neutral or positive. "
        "Write the class name with the same upper and lower case letters. [cell-case]",
        "run2.csv: 2 rows of subtask1, subtask2 and subtask3, 1 problem",
        "absent.csv: got no file; expected a run file. Check the path. [file-absent]",
        "absent.csv: 0 rows of no subtask, 1 problem",
    ]


def test_json_for_programs(folder, capsys):
    (folder / "run.csv").write_text(RUN.replace("T3.4: Emphatic", "T3.4: Empathetic"))
    assert main(["check", "run.csv", "--ids", "testset.csv", "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    (problem,) = report.pop("problems")
    assert report == {"file": "run.csv", "ok": False, "rows": 2, "subtasks": ["subtask1", "subtask2", "subtask3"]}
    assert (problem["code"], problem["line"], problem["column"]) == ("heading-changed", 1, "T3.4: Emphatic pain")


def test_the_dev_sets_own_header_is_the_one_wanted(folder, capsys):
    (folder / "dev.csv").write_text(RUN.replace("Emphatic", "Empathetic"))
    (folder / "run.csv").write_text(RUN.replace("Emphatic", "Empathetic"))
    assert main(["check", "run.csv", "--ids", "testset.csv", "--dev", "dev.csv"]) == 0
    assert main(["score", "run.csv", "--truth", "dev.csv", "--dev", "dev.csv"]) == 0
    (folder / "dev.csv").write_text("id,T1\nx,neutral\n")  # the other headings are then the official ones
    (folder / "run.csv").write_text(RUN)
    assert main(["check", "run.csv", "--ids", "testset.csv", "--dev", "dev.csv"]) == 0


def test_a_partial_run(folder):
    (folder / "run.csv").write_text("id,T1\nb,neutral\na,neutral\n")
    assert main(["check", "run.csv", "--ids", "testset.csv"]) == 1
    assert main(["check", "run.csv", "--ids", "testset.csv", "--partial"]) == 0


def test_what_the_user_can_put_right_goes_to_stderr(folder, capsys):
    assert main(["check", "run.csv", "--ids", "absent.csv"]) == 2, "a wrong call, not a wrong run file"
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "absent.csv: no such file; expected a CSV of image ids. Check the path.\n"


@pytest.mark.parametrize("arguments", [[], ["check"], ["check", "run.csv"], ["score", "run.csv"], ["other"]])
def test_a_wrong_call_exits_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_score(folder, capsys):
    (folder / "truth.csv").write_text(",filename,T1\n0,a.jpg,positive\n1,b.jpg,negative\n")
    assert main(["score", "run.csv", "--truth", "truth.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "subtask1\tweighted\t1.0000\t1.0000\t1.0000\t2"
    assert main(["score", "run.csv", "--truth", "truth.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["subtask1"]
    assert (told["weighted_f1"], told["interval"], told["n_images"]) == (1.0, [1.0, 1.0], 2)
    assert told["per_label"][0] == {"label": "negative", "f1": 1.0, "support": 1}


def test_an_interrupt_and_a_closed_pipe_are_quiet(folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("submission.check.check_files", interrupted)
    assert main(["check", "run.csv", "--ids", "testset.csv"]) == 130
    (folder / "run.csv").write_text(RUN.replace(",0", ",x"))
    closed = subprocess.run(
        f"{sys.executable} -m submission check {' run.csv' * 300} --ids testset.csv | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert len(closed.stdout.splitlines()) == 1
    assert closed.stderr == ""


def test_an_id_that_the_terminal_cannot_show(folder):
    (folder / "run.csv").write_text(RUN.replace("b,", "é,"), encoding="utf-8")
    done = command("check", "run.csv", "--ids", "testset.csv", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_checking_imports_the_standard_library_and_this_package_alone(folder):
    code = """\
import sys
before = set(sys.modules)  # what an editable install loads at the start
from submission.__main__ import main
assert main(["check", "run.csv", "--ids", "testset.csv"]) == 0
rooms = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(rooms - sys.stdlib_module_names), sorted({"asyncio", "http", "unittest"} & rooms))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.stdout.splitlines()[-1] == "['submission'] []", done.stderr


def test_checking_takes_a_fifth_of_a_second_at_most(folder):
    """The least processor time of a few calls: a busy machine makes some of them slower."""
    taken = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert command("check", "run.csv", "--ids", "testset.csv", cwd=folder).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if taken[-1] <= 0.2:
            return
    raise AssertionError(f"got {min(taken):.2f} s of processor time; expected at most 0.2 s")


def test_the_command_as_it_is_called(folder):
    done = command("check", "run.csv", "--ids", "testset.csv", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "run.csv: 2 rows of subtask1, subtask2 and subtask3, no problems\n")
    assert command(cwd=folder).returncode == 2
