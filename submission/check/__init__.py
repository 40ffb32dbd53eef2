"""Checking the form of a run file: all problems at once, each with a stable code.

problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv"), task), task.header)
"""

from submission.check.files import check_files, expected_header
from submission.check.form import CheckReport, check_file, find_problems
from submission.check.team import TeamReport, check_teams, run_paths

__all__ = [
    "CheckReport",
    "TeamReport",
    "check_file",
    "check_files",
    "check_teams",
    "expected_header",
    "find_problems",
    "run_paths",
]
