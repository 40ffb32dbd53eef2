"""mediaeval.toml, the presets and --set, as one checked `Config`: every choice that changes a number.

    sections.py   what each section of a file may hold
    presets.py    whole configurations under a name
    config.py     `Config`, and how a nested table is checked
    load.py       defaults  <  preset  <  mediaeval.toml  <  --data, --use, --engine, --system, --set

Importing it imports neither torch nor scikit-learn.
"""

from mediaeval.config.config import Config, parse_config
from mediaeval.config.load import CONFIG_FILE, load_config, with_store_near
from mediaeval.config.presets import PRESETS, blocks_of
from mediaeval.config.sections import AUTO, EnsembleSection, FeaturesSection, SplitSection, SubtaskSection

__all__ = [
    "AUTO",
    "CONFIG_FILE",
    "PRESETS",
    "Config",
    "EnsembleSection",
    "FeaturesSection",
    "SplitSection",
    "SubtaskSection",
    "blocks_of",
    "load_config",
    "parse_config",
    "with_store_near",
]
