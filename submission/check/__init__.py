"""Checking the form of a run file: all problems at once, each with a stable code.

problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv"), task), task.header)
"""

from submission.check.files import check_files, expected_header
from submission.check.form import CheckReport, check_file, find_problems

__all__ = ["CheckReport", "check_file", "check_files", "expected_header", "find_problems"]
