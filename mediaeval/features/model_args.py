"""Names and arguments of networks of timm and torchvision: what builds a network, and nothing that loads one.

Their functions also take addresses, files and whole configurations, from which they would load pickles past our own
reading of weights, from settings that somebody else wrote. So a name is a name, and an argument a plain value that is
not called like one that loads, whatever the version of the library. Importing it needs neither of them.
"""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator

from mediaeval.errors import first_few
from submission.wording import quoted

# An argument that has one of these words in its name loads something, or says from where
_LOADING = re.compile(
    r"(^|_)(cache|cfgs?|checkpoint|configs?|dir|download|files?|folder|fetch|hub|kwargs|load|loader|overlay|paths?"
    r"|pretrained|repo|source|urls?|weights?)(_|$)",
    re.IGNORECASE,
)
# but these build
_BUILDING = re.compile(
    r"(transformer_)?drop_path(_prob|_rates?)?|(bn_)?weight_init|init_weights|pretrained_window_sizes?|use_checkpoint"
)
# What the network takes and returns, and how it is compiled, is ours to choose
_OURS = re.compile(r"exportable|feature_cls|features_only|in_chans|model_name|no_jit|out_indices|pruned|scriptable")
_NESTED = 4  # lists within lists, at most
_ITEMS = 100  # of a list, at most
# Settings may be somebody else's: a network of 10⁹ layers would be built until the memory is full
_LARGEST = 65536  # whole number; the widest networks of timm have layers of 8192
_DEEPEST = 1000  # where the name of the argument is one of depth; timm's deepest networks have 200 blocks
_OF_DEPTH = re.compile(r"(^|_)(blocks?|depths?|layers|multiplier|repeats?|stages?)(_|$)", re.IGNORECASE)


def _only_what_builds(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments. Raises ValueError, naming all of them, for those that do more than build a network."""
    refused = [name for name in arguments if not _builds(name)]
    odd = [name for name, value in arguments.items() if name not in refused and not _is_plain(value)]
    large = [
        name
        for name, value in arguments.items()
        if name not in (*refused, *odd) and _largest(value) > (_DEEPEST if _OF_DEPTH.search(name) else _LARGEST)
    ]
    problems = []
    if refused:
        problems.append(
            f"got {first_few(quoted(name) for name in refused)}; expected arguments that build the network, such as "
            "drop_rate. Leave out what loads anything: a file of weights is named under weights"
        )
    if odd:
        problems.append(
            f"{first_few(odd)}: got {first_few(quoted(arguments[name]) for name in odd)}; expected a number, true or "
            "false, a name such as 'gelu', or a list of these"
        )
    if large:
        got = first_few(quoted(arguments[name]) for name in large)
        problems.append(
            f"{first_few(large)}: got {got}; expected numbers of at most {_LARGEST}, and at most {_DEEPEST} where they "
            "count layers or blocks"
        )
    if problems:
        raise ValueError(". ".join(problems))
    return arguments


def _builds(name: str) -> bool:
    if not re.fullmatch(r"[a-zA-Z]\w{0,60}", name, re.ASCII) or _OURS.fullmatch(name):
        return False
    return _BUILDING.fullmatch(name) is not None or not _LOADING.search(name)


def _is_plain(value: object, nested: int = 0) -> bool:
    if isinstance(value, list | tuple):
        return nested < _NESTED and len(value) <= _ITEMS and all(_is_plain(item, nested + 1) for item in value)
    if isinstance(value, str):  # of a layer, an activation, a pooling: neither a path nor an address
        return re.fullmatch(r"[\w.+-]{0,100}", value, re.ASCII) is not None
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _largest(value: object) -> float:
    """Return the largest whole number in a value, 0 where there is none."""
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    return abs(value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _only_a_name(name: str) -> str:
    """Return the name of a network. Raises ValueError for an address or a path, from where it would be loaded."""
    if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
        raise ValueError(f"got {quoted(name)}; expected the name of a network of the library, such as 'resnet50'")
    return name


ModelArgs = Annotated[dict[str, Any], AfterValidator(_only_what_builds)]
ModelName = Annotated[str, AfterValidator(_only_a_name)]
