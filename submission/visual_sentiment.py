"""MediaEval 2021, Visual Sentiment Analysis: A Natural Disaster Use-case; its facts are in `tasks/`, in a task file."""

from submission.taskfile import load_task

VISUAL_SENTIMENT_2021 = load_task("visualsentiment2021")
