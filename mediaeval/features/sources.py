"""Where weight files come from: the user's own, the cache, or their publisher; and the one cache they are kept in.

The cache is a flat folder: files under the names of `files_of`, and index.json with the sha256 of each. Another
machine's cache folder is a mirror.
"""

import hashlib
import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from filelock import FileLock

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.extractors import Extractor
from mediaeval.features.weights import file_digest
from mediaeval.files import write_atomically

INDEX = "index.json"
TIMEOUT = 60  # seconds without a byte, after which a download counts as failed
_PIECE = 1 << 20  # bytes read at a time
_HUB = "hf:"  # url of a file on the Hugging Face hub: hf:REPOSITORY/FILE


@dataclass(frozen=True)
class WeightFile:
    """One file that an extractor needs, and who publishes it."""

    name: str  # in the cache and in mirrors
    url: str  # https://…, hf:REPOSITORY/FILE, or empty: nobody publishes it
    about: str  # where it comes from, in words; of one that nobody publishes, how to make it
    licence: str
    role: str = "weights"  # or detector, pca: see Extractor.parts
    sha256: str = ""  # hex, whole or the leading digits that its publisher states
    md5: str = ""


_RELEASES = "https://github.com/{}/releases/download/{}"
_DETECTOR = "torchvision's fasterrcnn_resnet50_fpn_v2, COCO"
_OWN = "yours: nobody publishes it"
# What the kinds need that no library publishes for itself. Digests: as their publishers state them.
PUBLISHED: dict[str, list[WeightFile]] = {
    "resnet152_11k": [
        WeightFile(
            "resnet152_imagenet11k_11221_no_top.h5",
            _RELEASES.format("qubvel/classification_models", "0.0.1") + "/resnet152_imagenet11k_11221_no_top.h5",
            "Keras port of MXNet's resnet-152 of ImageNet-11k; resnet-152-0000.params of data.mxnet.io does as well",
            "not stated by its authors",
            md5="25ab66dec217cb774a27d0f3659cafb3",
        )
    ],
    "inception2015": [
        WeightFile(
            "pt_inception-2015-12-05-6726825d.pth",
            _RELEASES.format("mseitzer/pytorch-fid", "fid_weights") + "/pt_inception-2015-12-05-6726825d.pth",
            "Google's inception-2015-12-05 for PyTorch, of mseitzer/pytorch-fid",
            "Apache-2.0",
            sha256="6726825d0af5",
        )
    ],
    "yt8m": [
        WeightFile("yt8m.safetensors", "", "make it: mediaeval pretrain yt8m", _OWN),
        WeightFile(
            "yt8m_pca.tgz",
            "https://data.yt8m.org/yt8m_pca.tgz",
            "YouTube-8M's PCA of Inception vectors",
            "CC-BY-4.0",
            role="pca",
        ),
    ],
    "dual_encoding": [
        WeightFile(
            "signature.safetensors",
            "",
            "make it: mediaeval pretrain signature; or name a model_best.pth.tar of danieljf24/dual_encoding or "
            "bmezaris/AVS_dual_encoding_attention_network",
            _OWN,
        )
    ],
    "objectgraphs": [
        WeightFile(
            "objectgraphs.safetensors",
            "",
            "make it: mediaeval pretrain objectgraphs; or name the model-gcn.pt that the authors of "
            "bmezaris/ObjectGraphs send by e-mail",
            _OWN,
        )
    ],
}


def cache_folder() -> Path:
    """Return $MEDIAEVAL_WEIGHTS, else mediaeval/weights in the user's cache folder."""
    if own := os.environ.get("MEDIAEVAL_WEIGHTS"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediaeval" / "weights"


def files_of(name: str, extractor: Extractor) -> list[WeightFile]:
    """Return the published files that an extractor needs itself (those of its `source` are its source's).

    Raises ConfigError for a model that its library does not know or has no weights of.
    """
    if extractor.kind == "timm":
        return [_of_timm(name, extractor)]
    if extractor.kind == "torchvision":
        from torchvision.models import get_model_weights

        try:
            url = get_model_weights(extractor.model).DEFAULT.url
        except ValueError as error:
            raise ConfigError(f"extractor '{name}': torchvision has no '{extractor.model}': {error}.") from None
        return [_of_torchvision(url, f"torchvision's {extractor.model}")]
    files = list(PUBLISHED.get(extractor.kind, []))
    if extractor.kind in ("objects", "objectgraphs"):
        from torchvision.models.detection import FasterRCNN_ResNet50_FPN_V2_Weights

        files.append(_of_torchvision(FasterRCNN_ResNet50_FPN_V2_Weights.DEFAULT.url, _DETECTOR, "detector"))
    return files


def _of_timm(name: str, extractor: Extractor) -> WeightFile:
    import timm

    config = timm.models.get_pretrained_cfg(extractor.model)
    about = f"timm's {extractor.model}"
    if config is None or not (config.hf_hub_id or config.url):
        raise ConfigError(
            f"extractor '{name}': timm publishes no weights of '{extractor.model}'. Name a file under "
            f"[extractors.{name}] weights, or a model with weights: timm.list_pretrained()."
        )
    licence = config.license or extractor.licence
    if config.hf_hub_id:
        file = config.hf_hub_filename or "model.safetensors"
        suffix = Path(file).suffix
        return WeightFile(f"{extractor.model}{suffix}", f"{_HUB}{config.hf_hub_id}/{file}", about, licence)
    return WeightFile(f"{extractor.model}{Path(urlsplit(config.url).path).suffix}", config.url, about, licence)


def _of_torchvision(url: str, about: str, role: str = "weights") -> WeightFile:
    file = Path(urlsplit(url).path)
    digest = file.stem.rpartition("-")[2]  # torch's habit: the name ends in the first 8 digits of the sha256
    return WeightFile(file.name, url, about, "BSD-3-Clause", role, sha256=digest)


def given(extractor: Extractor, role: str) -> str:
    """Return the user's own file for a role, or an empty string."""
    return extractor.weights if role == "weights" else extractor.parts.get(role, "")


def locate(name: str, extractor: Extractor, role: str = "weights") -> Path:
    """Return the file of an extractor: the user's own, or the published one, fetched into the cache now if need be.

    Raises WeightsError that names file, network and origin when it is absent and cannot be fetched, or is damaged.
    """
    what = f"{extractor.kind} {extractor.model}".strip()
    if own := given(extractor, role):
        path = Path(own)
        if not (path.is_file() or (role == "pca" and path.is_dir())):
            key = "weights" if role == "weights" else f"parts.{role}"
            raise WeightsError(
                f"extractor '{name}': {role} of {what} not found: {path}. "
                f"Put the file there, or name another under [extractors.{name}] {key}."
            )
        return path
    file = next(file for file in files_of(name, extractor) if file.role == role)
    path = cache_folder() / file.name
    if path.is_file():
        _require_whole(path, name)
        return path
    if not file.url:
        raise WeightsError(
            f"extractor '{name}': {role} of {what} are absent: {path} is not there, and nobody publishes it. "
            f"Where from: {file.about}. Put the file there, or name it under [extractors.{name}] weights."
        )
    print(f"fetching {file.name} ({file.about}) into {path.parent}", file=sys.stderr)
    try:
        return fetch(file)
    except WeightsError as error:
        raise WeightsError(
            f"extractor '{name}': weights of {what} are not on this machine and could not be fetched "
            f"({' '.join(error.problems)}). Connect once (mediaeval weights fetch {name}), or download "
            f"{file.name} ({file.about}) elsewhere and name it under [extractors.{name}] "
            f"{'weights' if role == 'weights' else f'parts.{role}'}."
        ) from error


def status(file: WeightFile) -> tuple[str, str]:
    """Return (here, absent or damaged; sha256 as recorded or empty) of a published file in the cache."""
    path = cache_folder() / file.name
    if not path.is_file():
        return "absent", ""
    recorded = _index().get(file.name, {}).get("sha256", "")
    digest = file_digest(path)
    return ("here" if recorded in ("", digest) else "damaged"), digest


def fetch(
    file: WeightFile, mirror: Path | None = None, on_bytes: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Put one published file into the cache, and return its path; from a mirror folder, if one is given.

    What came is compared with every digest that is known: the publisher's, the hub's, and the one recorded when the
    file was first fetched. Where none is known, the first fetch is trusted and recorded. `on_bytes(done, total)`;
    total is 0 where it is not stated. Raises WeightsError, leaving nothing behind, when the file cannot be had, is
    truncated, or is another.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file.name
    with FileLock(folder / f".{file.name}.lock"):
        known = [file.sha256, _index().get(file.name, {}).get("sha256", "")]
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as target, _opened(file, mirror) as (source, total, stated):
                digest, md5 = _copy(source, target, total, on_bytes, file.name)
            for wanted in filter(None, [*known, stated]):
                if not digest.startswith(wanted.lower()):
                    raise WeightsError(
                        f"{file.name}: sha256 {digest} came, {wanted} is wanted. It is damaged, or another file: "
                        "fetch it again, or from another place."
                    )
            if file.md5 and md5 != file.md5:
                raise WeightsError(f"{file.name}: md5 {md5} came, {file.md5} is wanted. Fetch it again.")
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
            _record(file, digest, path.stat().st_size, str(mirror) if mirror else file.url)
        except OSError as error:  # urllib's own errors are of this kind, too
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise WeightsError(f"{file.name} cannot be fetched from {mirror or file.url}: {reason}.") from error
        finally:
            Path(temporary).unlink(missing_ok=True)
    return path


@contextmanager
def _opened(file: WeightFile, mirror: Path | None) -> Iterator[tuple[BinaryIO, int, str]]:
    """Give a file to read from, its size in bytes (0: not stated), and its sha256 as far as the source states it."""
    if mirror is not None:
        path = mirror / file.name
        if not path.is_file():
            raise WeightsError(
                f"{path} is absent. A mirror holds the files under the names of: mediaeval weights list."
            )
        with path.open("rb") as source:
            yield source, path.stat().st_size, ""
    elif not file.url:
        raise WeightsError(f"{file.name}: nobody publishes it. {file.about}.")
    elif file.url.startswith(_HUB):
        with _from_hub(file.url.removeprefix(_HUB)) as opened:
            yield opened
    else:
        if _offline():
            raise WeightsError(f"{file.name}: HF_HUB_OFFLINE is set, so {file.url} is not asked.")
        address = urlsplit(file.url)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
            raise WeightsError(f"{file.name}: {file.url} is no https address.")
        with urllib.request.urlopen(file.url, timeout=TIMEOUT) as answer:  # follows redirects
            yield answer, int(answer.headers.get("Content-Length") or 0), ""


@contextmanager
def _from_hub(address: str) -> Iterator[tuple[BinaryIO, int, str]]:
    """Give a file of the Hugging Face hub, from its own cache if it is there; the hub states the sha256 of large ones."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    repository, _, name = address.rpartition("/")
    cached = huggingface_hub.try_to_load_from_cache(repository, name)
    if isinstance(cached, str):
        with Path(cached).open("rb") as source:
            yield source, Path(cached).stat().st_size, ""
        return
    if _offline():
        raise WeightsError(f"HF_HUB_OFFLINE is set, and {address} is not in the hub's cache")
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".hub.") as folder:
        try:
            about = huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, name))
            path = Path(huggingface_hub.hf_hub_download(repository, name, local_dir=folder))
        except (HfHubHTTPError, ValueError, OSError) as error:
            raise WeightsError(f"{address} of the Hugging Face hub: {_first_line(error)}") from error
        except Exception as error:  # the hub's transport has a tree of errors of its own
            raise WeightsError(f"the Hugging Face hub cannot be reached for {address}: {_first_line(error)}") from error
        stated = about.etag if about.etag and len(about.etag) == 64 else ""  # of a large file: its sha256
        with path.open("rb") as source:
            yield source, about.size or 0, stated


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _copy(source: BinaryIO, target: BinaryIO, total: int, on_bytes, name: str) -> tuple[str, str]:
    """Copy to the end; return sha256 and md5. Raises WeightsError when fewer bytes came than were stated."""
    sha256, md5, done = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    while piece := source.read(_PIECE):
        target.write(piece)
        sha256.update(piece)
        md5.update(piece)
        done += len(piece)
        on_bytes(done, total)
    if not done or (total and done != total):
        raise WeightsError(f"{name}: {done} of {total or 'some'} bytes came: it is truncated. Fetch it again.")
    target.flush()
    os.fsync(target.fileno())
    return sha256.hexdigest(), md5.hexdigest()


def _index() -> dict[str, dict]:
    path = cache_folder() / INDEX
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise WeightsError(f"{path} is damaged. Delete it; digests are recorded again.") from None


def _record(file: WeightFile, digest: str, size: int, origin: str) -> None:
    path = cache_folder() / INDEX
    with FileLock(path.with_name(f".{INDEX}.lock")):
        entry = {"sha256": digest, "bytes": size, "from": origin, "date": datetime.now(UTC).isoformat("T", "seconds")}
        text = json.dumps(_index() | {file.name: entry}, indent=2, ensure_ascii=False, sort_keys=True)
        write_atomically(path, (text + "\n").encode())


def _require_whole(path: Path, name: str) -> None:
    """Raise WeightsError when a cached file is not the one that was fetched."""
    recorded = _index().get(path.name, {}).get("sha256")
    if recorded and (digest := file_digest(path)) != recorded:
        raise WeightsError(
            f"extractor '{name}': {path} is damaged: sha256 {digest}, when fetched {recorded}. "
            f"Delete it, then: mediaeval weights fetch {name}."
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
