"""The root of every error that a user can put right.

UserError
├── RunFileError        a run file that cannot be read, or must not be written
└── LabelFileError      a labelled CSV (dev set, truth) or a list of test ids that cannot be read
    (mediaeval/errors.py grows the rest of the tree)
"""


class UserError(Exception):
    """Something the user can put right: what it got, what was expected, what to do next.

    Takes one or more problems, a sentence each, so that everything that is wrong is reported at once.
    """

    def __init__(self, *problems: str):
        self.problems = problems
        super().__init__("\n".join(problems))


class RunFileError(UserError):
    """A run file that cannot be read, or that must not be written."""


class LabelFileError(UserError):
    """A labelled CSV, or a list of test ids, that cannot be read."""
