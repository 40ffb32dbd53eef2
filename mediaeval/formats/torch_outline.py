"""The outline of a PyTorch file: its dicts, lists and keys, with `Stored` in place of tensors, read without PyTorch.

Nothing of the file is run and no number of it is read: every class and function that the pickle names is replaced. So
it is known, before PyTorch allocates anything, which state dicts there are, and that the file holds the numbers that it
claims. Whether a file may be loaded is decided by PyTorch's own `weights_only` reader, not here.
"""

import contextlib
import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mediaeval.errors import WeightsError, first_line
from mediaeval.formats.bounded import most_unpacked
from submission.reading import open_regular

# bytes of a number, by the storage type's name without `Storage`
_SIZES = {"Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Half": 2, "BFloat16": 2, "Short": 2}
_SIZES |= {"Byte": 1, "Char": 1, "Bool": 1, "QInt8": 1, "QUInt8": 1, "Untyped": 1, "Float": 4, "Int": 4, "QInt32": 4}
DEEPEST = 64  # tuples in tuples
MOST_ODD_KEYS = 1000  # tuples and the like as keys
_TEXT_ENCODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")


class Stored:
    """A tensor in a file. `shape`: () too where the file does not state it."""

    def __init__(self, *arguments: Any, shape: tuple[Any, ...] = ()):
        self.shape = shape

    def __setstate__(self, state: object) -> None:
        pass


class Other:
    """Anything else: a class, a function, and what they make."""

    def __new__(cls, *_: Any, **__: Any) -> "Other":
        return object.__new__(cls)

    def __call__(self, *arguments: Any) -> "Other":
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        """Take an item, as the list does that this stands for."""

    def add(self, item: object) -> None:
        """Take an item, as the set does that this stands for."""


class _Storage:
    """A type of storage: how many bytes a number takes."""

    def __init__(self, name: str):
        self.size = _SIZES.get(name.removesuffix("Storage"), 1)


def torch_outline(path: Path) -> object:
    """Return the outline of a PyTorch file, a zip archive or of before 1.6.

    Raises WeightsError, without reading any numbers, when the file is damaged, when it would unpack to far more bytes
    than it has, and when a storage claims more bytes than the file holds.
    """
    path = Path(path)
    with open_regular(path) as file, _reading(path):
        zipped = file.read(2) == b"PK"
        file.seek(0)
        return _of_zip(path, file) if zipped else _of_pickles(path, file)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what zipfile and pickle raise for a damaged file, OSError among it, into WeightsError."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:  # zipfile and pickle raise many exception types on a damaged file
        raise WeightsError(
            f"{path} is a PyTorch file that is cut short or damaged ({first_line(error)[:200]}). Download it again."
        ) from error


def require_bounded(path: Path) -> None:
    """Raise WeightsError for a zip archive that would unpack to far more bytes than it has; others pass."""
    with open_regular(path) as file, _reading(path):
        size = file.seek(0, 2)
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as archive:
            stated = sum(entry.file_size for entry in archive.infolist())
    if stated > most_unpacked(size):
        raise WeightsError(
            f"{path} has {size} bytes and would unpack to {stated}; expected at most {most_unpacked(size)}: "
            "torch.save does not compress. Unpack it and pack it again without compression, if you trust it."
        )


def _of_zip(path: Path, file: BinaryIO) -> object:
    require_bounded(path)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len({name.lower() for name in entries}) < len(archive.infolist()):  # PyTorch ignores case
            raise zipfile.BadZipFile("two entries have one name")
        if min(entry.header_offset for entry in entries.values()) > 0:  # PyTorch does not look behind other bytes
            raise zipfile.BadZipFile("bytes before the archive")
        folder = next(iter(entries)).partition("/")[0]  # as PyTorch finds it

        def stored(key: object) -> int:
            entry = entries.get(f"{folder}/data/{key}")
            return entry.file_size if entry else 0

        with archive.open(f"{folder}/data.pkl") as pickled:
            return _Outline(io.BytesIO(pickled.read()), path, stored).load()


def _of_pickles(path: Path, file: BinaryIO) -> object:
    size = file.seek(0, 2)
    file.seek(0)
    for _ in ("magic number", "protocol", "system"):
        _Outline(file, path, lambda key: 0).load()
    outline = _Outline(file, path, lambda key: size - outline.total)
    return outline.load()


def _tuple_read_by(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what reads a tuple, and then refuses one that is nested deeper than Python can hash as a key."""

    def loaded(outline: "_Outline") -> None:
        load(outline)
        outline.check_depth(outline.stack[-1])

    return loaded


def _keys_checked(load: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    """Return what puts keys into a dict or set, after they were checked; `keys`: which items of the stack they are."""

    def loaded(outline: "_Outline") -> None:
        for key in outline.stack[keys]:
            outline.check_key(key)
        load(outline)

    return loaded


def _refused(_outline: Any) -> None:
    raise pickle.UnpicklingError("an array of bytes of a length alone, which PyTorch never writes")


_LOADS = pickle._Unpickler.dispatch
_TUPLES = (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
_KEYS = (
    (pickle.SETITEM, slice(-2, -1)),
    (pickle.SETITEMS, slice(0, None, 2)),
    (pickle.DICT, slice(0, None, 2)),
    (pickle.ADDITEMS, slice(None)),
    (pickle.FROZENSET, slice(None)),
)


class _Outline(pickle._Unpickler):
    """Reads a pickle with stand-ins; in Python, whose memo is a dict: C's is a list as long as the pickle says."""

    stack: list[Any]
    dispatch = (
        _LOADS
        | {code[0]: _tuple_read_by(_LOADS[code[0]]) for code in _TUPLES}
        | {pickle.BYTEARRAY8[0]: _refused}
        | {code[0]: _keys_checked(_LOADS[code[0]], keys) for code, keys in _KEYS}
    )

    def __init__(self, file: BinaryIO, path: Path, stored: Callable[[object], int]):
        super().__init__(file)
        self.path, self.stored = path, stored
        self.claimed: dict[object, int] = {}  # storage → bytes
        self.total = 0  # bytes
        self.odd_keys = 0
        self.depths: dict[int, tuple[int, object]] = {}  # id of a tuple → its depth; the tuple, which keeps its id

    def check_depth(self, made: tuple[Any, ...]) -> None:
        """Raise UnpicklingError for tuples in tuples without end."""
        depth = 1 + max((self.depths.get(id(item), (0,))[0] for item in made), default=0)
        if depth > DEEPEST:
            raise pickle.UnpicklingError(f"tuples nested deeper than {DEEPEST}")
        self.depths[id(made)] = depth, made

    def check_key(self, key: object) -> None:
        """Raise UnpicklingError for many keys of kinds of which a stranger can make thousands with one hash."""
        if isinstance(key, str | bytes | None) or (isinstance(key, int) and abs(key) < sys.hash_info.modulus):
            return
        self.odd_keys += 1
        if self.odd_keys > MOST_ODD_KEYS:
            raise pickle.UnpicklingError(f"more than {MOST_ODD_KEYS} keys that are neither text nor small numbers")

    def find_class(self, module: str, name: str) -> Any:
        if name.endswith("Storage") and module.startswith("torch"):
            return _Storage(name)
        if name == "set" and module in ("builtins", "__builtin__"):
            return self._set
        return _STAND_INS.get(f"{module}.{name}", Other)

    def _set(self, items: Iterable[object] = ()) -> Other:
        for item in items:
            self.check_key(item)
        return Other()

    def persistent_load(self, saved: Any) -> object:
        parts: list[Any] = [*saved]
        if len(parts) < 5:
            raise pickle.UnpicklingError("a storage without a size")
        kind, storage, key, _, numel = parts[:5]
        if kind not in ("storage", b"storage") or not isinstance(storage, _Storage):
            return Other()
        n_bytes = numel * storage.size
        if key in self.claimed and self.claimed[key] == n_bytes:
            return storage
        if n_bytes < 0 or n_bytes > self.stored(key) or self.claimed.get(key):
            raise WeightsError(
                f"{self.path} is cut short or damaged: a storage claims {n_bytes} bytes, the file holds "
                f"{self.stored(key)} for it. Download it again."
            )
        self.claimed[key] = n_bytes
        self.total += n_bytes
        return storage


def _tensor(*arguments: object) -> Stored:
    _storage, _offset, shape, *_ = (*arguments, None, None, None)
    return Stored(shape=tuple(shape) if isinstance(shape, tuple | list) else ())


def _first(value: object, *_: object) -> object:
    return value


def _typed(make: Callable[..., object], _type: object, arguments: tuple[object, ...], *_: object) -> object:
    return make(*arguments)


def _encoded(text: str, encoding: str = "utf-8", *_: object) -> bytes:
    if not isinstance(text, str) or encoding not in _TEXT_ENCODINGS:  # others multiply: hex of hex of hex
        raise ValueError(f"a text in the encoding {encoding!r}"[:80])
    return text.encode(encoding)


def _bytes(content: object = b"", *_: object) -> Other:
    if isinstance(content, int):  # of this length, whatever the file's
        raise ValueError("a bytearray of a length alone")
    return Other()


def _items(*_: object) -> OrderedDict[Any, Any]:
    return OrderedDict()


def _size(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values)


_STAND_INS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _items,
    "collections.defaultdict": _items,
    "collections.Counter": _items,
    "torch.Size": _size,
    "torch.Tensor": Stored,
    "torch.nn.parameter.Parameter": Stored,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._utils._rebuild_qtensor": _tensor,
    "torch._utils._rebuild_sparse_tensor": Stored,
    "torch._utils._rebuild_meta_tensor_no_storage": Stored,
    "torch._utils._rebuild_nested_tensor": Stored,
    "torch._utils._rebuild_device_tensor_from_numpy": Stored,
    "torch._tensor._rebuild_from_type_v2": _typed,
    "_codecs.encode": _encoded,
    "builtins.bytearray": _bytes,
    "__builtin__.bytearray": _bytes,
}
