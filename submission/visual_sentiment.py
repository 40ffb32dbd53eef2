"""MediaEval 2021, Visual Sentiment Analysis: A Natural Disaster Use-case; all facts about this task are in this file.

The headings are those of the organisers, misspellings included (`Emphatic`, `T3.10:surprise` without a blank and in
lower case). T2 and T3 share emotions in other positions, so a label is its whole heading, never the emotion alone.
"""

from submission.task import Subtask, Task

_T2 = (
    "T2.1: Joy",
    "T2.2: Sadness",
    "T2.3: Fear",
    "T2.4: Disgust",
    "T2.5: Anger",
    "T2.6: Surprise",
    "T2.7: Neutral",
)
_T3 = (
    "T3.1: Anger",
    "T3.2: Anxiety",
    "T3.3: Craving",
    "T3.4: Emphatic pain",
    "T3.5: Fear",
    "T3.6: Horror",
    "T3.7: Joy",
    "T3.8: Relief",
    "T3.9: Sadness",
    "T3.10:surprise",
)


def _emotions(headings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(heading.partition(":")[2].strip() for heading in headings)


VISUAL_SENTIMENT_2021 = Task(
    name="visual-sentiment-2021",
    subtasks=(
        Subtask("subtask1", "T1", ("T1",), ("negative", "neutral", "positive"), multi_label=False, ordered=True),
        Subtask("subtask2", "T2", _T2, _T2, multi_label=True, short_labels=_emotions(_T2)),
        Subtask("subtask3", "T3", _T3, _T3, multi_label=True, short_labels=_emotions(_T3)),
    ),
    other_id_columns=("filename",),  # in the released truth
    heading_pattern=r"\s*T([0-9])(?:\.(\d+))?(?!\d)",
    heading_variants=(("T3.4: Emphatic pain", "T3.4: Empathetic pain"), ("T3.10:surprise", "T3.10: Surprise")),
    confusable_labels=(
        ("T2.2: Sadness", "T2.3: Fear"),
        ("T2.1: Joy", "T2.2: Sadness"),
        ("T3.2: Anxiety", "T3.7: Joy"),
    ),
)
