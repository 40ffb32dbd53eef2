"""The default task by the names that callers still use; `submission/visual_sentiment.py` holds it."""

from submission.task import Subtask
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

ID_COLUMN = VISUAL_SENTIMENT_2021.id_column
TASKS: dict[str, Subtask] = {subtask.name: subtask for subtask in VISUAL_SENTIMENT_2021.subtasks}
OFFICIAL_HEADER: tuple[str, ...] = VISUAL_SENTIMENT_2021.header.cells
official_heading = VISUAL_SENTIMENT_2021.official_heading
