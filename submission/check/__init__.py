"""Checking the form of a run file: all problems at once, each with a stable code.

problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv")))
"""

from submission.check.form import Report, check_file, find_problems

__all__ = ["Report", "check_file", "find_problems"]
