"""Reading a TOML file of settings, or a run's own: plain, bounded and finite, or ConfigError says why not."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mediaeval.errors import ConfigError
from submission import toml_file
from submission.toml_file import MAX_DEPTH, Limits, TomlError

__all__ = ["MAX_DEPTH", "NotTomlError", "parse_toml", "read_toml", "require_plausible"]

LIMITS = Limits(most_bytes=2**18, most_dots=200, file="a file of settings", key="setting")  # of a run's own: 2 KiB


class NotTomlError(ConfigError):
    """Text that is not TOML by its form."""


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises ConfigError for what cannot be read, is no TOML, or holds values that no setting has, all of these at once.
    """
    with _as_config_errors():
        text = toml_file.read_text(path, LIMITS)
    return parse_toml(text, f"{path}")


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return what TOML text holds; `source`: where it is from, for messages. Raises ConfigError as `read_toml` does."""
    with _as_config_errors():
        return toml_file.parse_toml(text, source, LIMITS)


def require_plausible(tree: Mapping[str, Any], source: str) -> None:
    """Raise ConfigError for values in a nested table that no setting has: dates, huge numbers, NUL, deep nesting."""
    with _as_config_errors():
        toml_file.require_plausible(tree, source)


@contextlib.contextmanager
def _as_config_errors() -> Iterator[None]:
    """Within, what is wrong with a file of TOML is what is wrong with the settings."""
    try:
        yield
    except toml_file.NotTomlError as error:
        raise NotTomlError(*error.problems) from None
    except TomlError as error:
        raise ConfigError(*error.problems) from None
