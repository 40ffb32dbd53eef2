"""The configuration that a run was made with, read without anything that trains or predicts."""

from mediaeval.config import Config, parse_config, with_store_near
from mediaeval.errors import ConfigError, RunFolderError
from mediaeval.runs import RunFolder
from mediaeval.toml_text import read_toml
from submission.task import Task


def read_config(folder: RunFolder, task: Task) -> Config:
    """Return the configuration that a run was made with."""
    try:
        config = parse_config(read_toml(folder.config), task, folder.config)
        return with_store_near(config, folder.config, folder.runs_dir.parent)
    except ConfigError as error:
        why = str(error).rstrip(".")
        raise RunFolderError(
            f"{folder.path} is half written: run.toml is absent or damaged ({why}). Train it again: {folder.retrain}."
        ) from None
