"""The pre-commit hook and the CI action call the check from any folder, even one with a package of the same name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[3]
RUN = "id,T1\na,negative\nb,neutral\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission/__init__.py").write_text("raise SystemExit('another package')")
    (tmp_path / "ids.csv").write_text("id\na\nb\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/good.csv").write_text(RUN)
    (tmp_path / "runs/bad one.csv").write_text(RUN.replace("neutral", "Neutral"))
    return tmp_path


def call(command, folder, **environment):
    env = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_the_hook_fails_for_a_run_file_with_a_problem(folder):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    command = [ROOT / hook["entry"], "--ids", "ids.csv", "--partial"]
    assert call([*command, "runs/good.csv"], folder).returncode == 0
    done = call([*command, "runs/good.csv", "runs/bad one.csv"], folder)
    assert done.returncode == 1
    assert "runs/bad one.csv:3: T1: got 'Neutral'" in done.stdout


def test_the_action_takes_patterns_of_run_files(folder):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    *_, step = action["runs"]["steps"]
    given = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    given |= {"runs": "runs/g*.csv", "ids": "ids.csv", "partial": "true"}
    names = {name: text.removeprefix("${{ inputs.").removesuffix(" }}") for name, text in step["env"].items()}
    env = {name: given[value] for name, value in names.items() if value in given}
    done = call(["bash", "-ec", step["run"]], folder, GITHUB_ACTION_PATH=str(ROOT), **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "runs/good.csv: 2 rows of subtask1, no problems\n"
    env["RUNS"] = "runs/*.csv $(touch pwned)"
    assert call(["bash", "-ec", step["run"]], folder, GITHUB_ACTION_PATH=str(ROOT), **env).returncode == 1
    assert not (folder / "pwned").exists()
