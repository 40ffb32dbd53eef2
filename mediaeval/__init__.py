"""mediaeval: from images to a run file that is proved to say what the models predicted.

The names below are those of `mediaeval.api`, loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediaeval.api import *  # noqa: F403 - the names are listed in api.__all__

__version__ = "0.2.0.dev0"

_API = (
    "VISUAL_SENTIMENT_2021",
    "CheckReport",
    "Header",
    "Predictions",
    "Subtask",
    "SubtaskScore",
    "Task",
    "UserError",
    "check_run",
    "extract_features",
    "load_dataset",
    "load_task",
    "make_classifier",
    "make_regressor",
    "predict",
    "ranked_list",
    "score_run",
    "submit",
    "train",
    "write_run",
)
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(import_module("mediaeval.api"), name)
    raise AttributeError(f"module 'mediaeval' has no attribute '{name}'. It has: {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
