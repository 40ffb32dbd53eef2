"""Weights fetched, kept, checked, listed and converted, from a mirror or a server on this machine."""

import argparse
import hashlib
import http.server
import json
import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from safetensors.torch import load_file

from mediaeval.errors import WeightsError
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.kinds import KINDS
from mediaeval.features.weight_files import files_of, locate
from mediaeval.weights.convert import convert
from mediaeval.weights.fetch import fetch
from mediaeval.weights.files import WeightFile

pytestmark = pytest.mark.integration

DATA = b"\x89HDF\r\n\x1a\n" * 500  # begins as an HDF5 file does
SAFE = save({"a": np.zeros(1, np.float32)})
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
BEGINS = {"pth": b"PK\x03\x04", "tgz": b"\x1f\x8b"}  # a zip archive, and gzip
R = EXTRACTORS["resnet152_11k"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache; the libraries' own caches are empty, too, and fetching is allowed."""
    for variable in ("HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "libraries"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "libraries"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        data = BEGINS.get(self.path.rpartition(".")[2], b"") + DATA
        self.send_header("Content-Length", str(len(data) + (100 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """A server that gives DATA under every name; /cut promises more than it gives, /absent is not there."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        running.url = f"http://127.0.0.1:{running.server_port}"
        yield running
        running.shutdown()
        thread.join()


def published(monkeypatch, url: str, **digests) -> WeightFile:
    """Let R's file be one of our server's, or of any other address."""
    file = WeightFile("weights", "r.h5", url, "MIT", "a test's file", **digests)
    monkeypatch.setitem(KINDS, "resnet152_11k", replace(KINDS["resnet152_11k"], files=(file,)))
    return file


def visible(folder) -> list[str]:
    """What lies in a folder, lock files left out."""
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock")) if folder.exists() else []


@pytest.mark.parametrize("digests", [{}, {"sha256": SHA256}, {"sha256": SHA256[:8].upper()}, {"md5": MD5}])
def test_a_published_file_is_fetched_once_and_recorded(digests, server, cache, monkeypatch, caplog):
    caplog.set_level("INFO")
    published(monkeypatch, f"{server.url}/r.h5", **digests)
    path = locate("resnet152_11k", R)
    assert path == cache / "r.h5" and path.read_bytes() == DATA
    assert "r.h5" in caplog.text, "a download is reported"
    entry = json.loads((cache / "index.json").read_text())["r.h5"]
    assert (entry["sha256"], entry["bytes"]) == (SHA256, len(DATA))
    assert locate("resnet152_11k", R) == path and server.asked == ["/r.h5"]
    assert visible(cache) == ["index.json", "r.h5"]


@pytest.mark.parametrize(
    ("page", "digests", "told"),
    [
        ("r.h5", {"sha256": "0" * 64}, rf"sha256 {SHA256}.*{'0' * 64}"),
        ("r.h5", {"sha256": "0123abcd"}, rf"sha256 {SHA256}.*0123abcd"),
        ("r.h5", {"md5": "0" * 32}, rf"md5 {MD5}.*{'0' * 32}"),
        ("cut", {}, rf"{len(DATA)} of {len(DATA) + 100}"),
        ("absent", {}, "Not Found"),
    ],
)
def test_what_is_cut_short_or_another_file_is_told_and_leaves_nothing(page, digests, told, server, cache, monkeypatch):
    published(monkeypatch, f"{server.url}/{page}", **digests)
    with pytest.raises(
        WeightsError, match=r"extractor 'resnet152_11k': weights of .* could not be\s+fetched"
    ) as caught:
        locate("resnet152_11k", R)
    with pytest.raises(WeightsError, match=told):
        fetch(files_of(R)[0])
    assert "r.h5" in str(caught.value)
    assert visible(cache) == []


def test_a_later_fetch_of_a_file_without_a_known_digest_is_held_against_the_first(server, cache, monkeypatch):
    file = published(monkeypatch, f"{server.url}/r.h5")
    fetch(file)
    (cache / "r.h5").unlink()
    index = json.loads((cache / "index.json").read_text())
    index["r.h5"]["sha256"] = "f" * 64
    (cache / "index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=rf"{SHA256}.*{'f' * 64}"):
        fetch(file)
    assert visible(cache) == ["index.json"]


def test_a_damaged_file_is_told_with_both_digests_and_fetched_anew(server, cache, monkeypatch, run):
    published(monkeypatch, f"{server.url}/r.h5")
    path = locate("resnet152_11k", R)
    path.write_bytes(DATA[:-1])
    damaged = hashlib.sha256(DATA[:-1]).hexdigest()
    with pytest.raises(WeightsError, match=rf"damaged: .*{damaged}.*{SHA256}(.|\n)*mediaeval weights fetch"):
        locate("resnet152_11k", R)
    assert "damaged" in run("weights", "list", "resnet152_11k").stdout
    run("weights", "fetch", "resnet152_11k")
    assert path.read_bytes() == DATA
    assert "\there\t" in run("weights", "list", "resnet152_11k").stdout


def test_offline_nothing_is_asked_of_anyone(server, monkeypatch):
    published(monkeypatch, f"{server.url}/r.h5")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("resnet152_11k", "efficientnet_b2"):
        with pytest.raises(WeightsError, match=r"could not be\s+fetched .*HF_HUB_OFFLINE is set"):
            locate(name, EXTRACTORS[name])
    assert server.asked == []


@pytest.mark.parametrize("url", ["http://example.org/r.h5", "ftp://example.org/r.h5", "file:///etc/hostname"])
def test_addresses_whose_bytes_anyone_may_change_are_refused(url, cache, monkeypatch):
    file = published(monkeypatch, url)
    with pytest.raises(WeightsError, match="is not an https address"):
        fetch(file)
    assert visible(cache) == []


def test_a_file_in_the_hubs_cache_is_taken_from_there_without_a_network(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    revision = "a" * 40
    model = tmp_path / "libraries/models--timm--mobilenetv2_100.ra_in1k"
    (model / "refs").mkdir(parents=True)
    (model / "refs/main").write_text(revision)
    snapshot = model / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(SAFE)
    path = locate("mobilenetv2", EXTRACTORS["mobilenetv2"])
    assert path == cache / "mobilenetv2_100.ra_in1k.safetensors" and path.read_bytes() == SAFE


def test_a_mirror_gives_its_files_and_the_network_is_left_alone(server, cache, tmp_path, monkeypatch, run):
    published(monkeypatch, f"{server.url}/r.h5", sha256=SHA256)
    mirror = tmp_path / "usb"
    mirror.mkdir()
    (mirror / "r.h5").write_bytes(DATA)
    run("weights", "fetch", "resnet152_11k", "--mirror", mirror)
    assert (cache / "r.h5").read_bytes() == DATA and server.asked == []
    (cache / "r.h5").unlink()
    (mirror / "r.h5").write_bytes(b"another file")
    result = run("weights", "fetch", "resnet152_11k", "--mirror", mirror, code=1)
    assert SHA256 in result.stderr and "not fetched" in result.stdout
    assert visible(cache) == ["index.json"]
    (mirror / "r.h5").unlink()
    assert "r.h5: No such file" in run("weights", "fetch", "resnet152_11k", "--mirror", mirror, code=1).stderr
    assert "not a folder" in run("weights", "fetch", "resnet152_11k", "--mirror", "nowhere", code=1).stderr
    assert server.asked == []


def test_another_machines_cache_is_a_mirror_and_brings_what_nobody_publishes(tmp_path, cache, run):
    mirror = tmp_path / "usb"
    mirror.mkdir()
    (mirror / "signature.safetensors").write_bytes(SAFE)
    (mirror / "resnet152_imagenet11k_11221_no_top.h5").write_bytes(b"another file")
    result = run("weights", "fetch", "signature", "--mirror", mirror, code=1)
    assert locate("signature", EXTRACTORS["signature"]).read_bytes() == SAFE
    assert "resnet152_imagenet11k_11221_no_top.h5" in result.stderr, "R is fetched for S; this one is another file"


def test_fetch_tries_all_and_tells_all(server, monkeypatch, run):
    """Y and R of one preset: one cannot be had, the others are fetched nevertheless."""
    published(monkeypatch, f"{server.url}/absent")
    for name in ("yt8m", "inception2015", "dual_encoding"):
        files = [replace(f, url=f.url and f"{server.url}/{f.name}", sha256="", md5="") for f in KINDS[name].files]
        monkeypatch.setitem(KINDS, name, replace(KINDS[name], files=tuple(files)))
    monkeypatch.setattr("mediaeval.steps.weight_files.blocks_of", lambda name: ["signature", "yt8m"])
    result = run("weights", "fetch", "certh2021", "--json", code=1)
    rows = {(row["extractor"], row["role"]): row["status"] for row in json.loads(result.stdout)}
    assert rows == {
        ("signature", "weights"): "not published",
        ("yt8m", "weights"): "not published",
        ("yt8m", "pca"): "fetched",
        ("resnet152_11k", "weights"): "absent, not fetched",  # what signature reads
        ("inception2015", "weights"): "fetched",  # what yt8m reads
    }
    assert "extractor 'resnet152_11k'" in result.stderr and "Not Found" in result.stderr
    assert "made by: mediaeval pretrain yt8m" in result.stdout


def test_what_nobody_publishes_is_told_with_how_to_make_it(run, cache):
    """And exit status 1, or a script would go on to train without it."""
    result = run("weights", "fetch", "objectgraphs", "--mirror", ".", code=1)  # its detector is lacking there, too
    assert "fasterrcnn" in result.stderr
    assert "objectgraphs.safetensors is not published; it is made by: mediaeval pretrain objectgraphs" in result.stderr
    assert f"into {cache}," in result.stderr and "--mirror FOLDER" in result.stderr


def test_another_file_than_the_first_is_taken_when_it_is_asked_for(server, cache, monkeypatch, run):
    """The first fetch brought the wrong file: --replace forgets it."""
    published(monkeypatch, f"{server.url}/r.h5")
    run("weights", "fetch", "resnet152_11k")
    index = json.loads((cache / "index.json").read_text())
    index["r.h5"]["sha256"] = "f" * 64
    (cache / "index.json").write_text(json.dumps(index))
    assert "--replace" in run("features", "--use", "resnet152_11k", "--engine", "torch", code=1).stderr
    run("weights", "fetch", "resnet152_11k", code=1)
    run("weights", "fetch", "resnet152_11k", "--replace")
    assert "\there\t" in run("weights", "list", "resnet152_11k").stdout


@pytest.mark.parametrize("came", [b"", b"<html>log in to the network</html>"])
def test_a_page_instead_of_a_file_is_refused(came, tmp_path, cache, monkeypatch):
    file = published(monkeypatch, "https://example.org/r.h5")
    (tmp_path / "usb").mkdir()
    for name in ("r.h5", "m.safetensors", "m.pth", "m.tgz"):
        (tmp_path / "usb" / name).write_bytes(came)
        with pytest.raises(WeightsError, match=r"is not a \.\w+ file: it is (empty|a web page)"):
            fetch(replace(file, name=name), tmp_path / "usb")
    assert visible(cache) == []


def test_the_users_own_files_are_listed_and_never_fetched(tmp_path, server, monkeypatch, run):
    published(monkeypatch, f"{server.url}/r.h5")
    (tmp_path / "mine.params").write_bytes(b"x")
    (tmp_path / "mediaeval.toml").write_text(
        '[extractors.resnet152_11k]\nkind = "resnet152_11k"\nweights = "mine.params"\n'
        '[extractors.odd]\nkind = "timm"\nmodel = "no_such_model"\nweights = "gone.pth"\n'
    )
    run("weights", "fetch", "resnet152_11k")
    rows = {row["extractor"]: row for row in json.loads(run("weights", "list", "--json").stdout)}
    assert rows["resnet152_11k"]["status"] == "yours: mine.params"
    assert rows["odd"]["status"] == "yours, absent: gone.pth"
    assert server.asked == []
    with pytest.raises(WeightsError, match=r"extractor 'odd': weights of timm no_such_model not found: gone\.pth"):
        locate("odd", ExtractorConfig(kind="timm", model="no_such_model", weights="gone.pth"))


def test_every_file_of_the_table_says_where_it_comes_from(run):
    rows = json.loads(run("weights", "list", "--json").stdout)
    assert {row["extractor"] for row in rows} == EXTRACTORS.keys() - {"handcrafted"}
    for row in rows:
        assert row["licence"] and row["from"] and "/" not in row["file"], row
        assert row["status"] in ("absent", "not published")
    addresses = {row["from"] for row in rows if row["status"] == "absent"}
    assert all(address.startswith(("https://", "hf:timm/")) for address in addresses)


def test_the_command_says_what_it_takes(run):
    assert "needs no weights" in run("weights", "fetch", "handcrafted").stderr
    assert "Did you mean 'yt8m'" in run("weights", "list", "yt8", code=1).stderr
    assert "NAME is missing" in run("weights", "fetch", code=1).stderr
    assert "FILE is missing" in run("weights", "convert", code=1).stderr
    assert "--trust: not an option of fetch" in run("weights", "fetch", "yt8m", "--trust", code=1).stderr
    assert "Known: list, fetch, convert" in run("weights", "bring", code=1).stderr


# --- convert --------------------------------------------------------------------------------------------------------

A, B = torch.arange(6.0).reshape(2, 3), torch.ones(2, dtype=torch.float16)


class Touches:
    """What a malicious file would hold: loading it writes a file, here a harmless one."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize(
    ("loaded", "keys", "left_out"),
    [
        ({"a": A, "b": B}, ["a", "b"], []),
        ({"state_dict": {"module.a": A, "module.b": B}, "epoch": 3}, ["a", "b"], ["epoch"]),
        (
            {"model_state_dict": {"a": A}, "opt_state_dict": {"m": [B, 3]}, "loss": 0.5},
            ["a"],
            ["opt_state_dict", "loss"],
        ),
        (
            {"model": [{"rnn.w": A}, {"embed.w": B}], "opt": argparse.Namespace(lr=1), "Eiters": 7},
            ["0.rnn.w", "1.embed.w"],
            ["opt", "Eiters"],
        ),
        ({"a": A, "version": "1.0"}, ["a"], ["version"]),
    ],
)
def test_wrappers_come_off_and_what_is_no_tensor_is_named(loaded, keys, left_out, tmp_path, run):
    torch.save(loaded, tmp_path / "theirs.pth.tar")
    result = run("weights", "convert", "theirs.pth.tar", "ours.safetensors", "--json")
    assert json.loads(result.stdout) == {"file": "ours.safetensors", "tensors": keys, "left_out": left_out}
    read = load_file(tmp_path / "ours.safetensors")
    assert sorted(read) == sorted(keys)
    torch.testing.assert_close(read[keys[0]], A)


def test_a_file_that_could_run_code_is_refused_unless_it_is_trusted(tmp_path, run):
    touched = tmp_path / "touched"
    torch.save({"state_dict": {"a": A}, "extra": Touches(touched)}, tmp_path / "theirs.pth")
    result = run("weights", "convert", "theirs.pth", "ours.safetensors", code=1)
    assert "more than tensors (io.open), and loading that could run code" in result.stderr
    assert (
        "Only if you trust its author, and on a machine without anything valuable: "
        "mediaeval weights convert theirs.pth ours.safetensors --trust" in result.stderr
    )
    assert not touched.exists() and not (tmp_path / "ours.safetensors").exists()

    result = run("weights", "convert", "theirs.pth", "ours.safetensors", "--trust")
    assert touched.exists() and "left out: extra" in result.stderr
    torch.testing.assert_close(load_file(tmp_path / "ours.safetensors")["a"], A)


def test_a_whole_network_gives_its_state_dict_when_it_is_trusted(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="--trust"):
        convert(tmp_path / "model.pt", tmp_path / "out.safetensors")
    done = convert(tmp_path / "model.pt", tmp_path / "out.safetensors", trust=True)
    assert done.left_out == [] and done.keys == list(model.state_dict())
    torch.testing.assert_close(load_file(tmp_path / "out.safetensors")["0.weight"], model[0].weight.data)


def test_tensors_that_share_memory_are_written_each(tmp_path):
    torch.save({"encoder": A, "decoder": A.T}, tmp_path / "tied.pt")
    convert(tmp_path / "tied.pt", tmp_path / "out.safetensors")
    torch.testing.assert_close(load_file(tmp_path / "out.safetensors")["decoder"], A.T)


def _cut(path):
    torch.save({"a": A}, path)
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize(
    ("write", "told"),
    [
        (_cut, "is a PyTorch file that is cut short or damaged"),
        (lambda path: path.write_text("<html>404</html>"), "is a web page.*expected a PyTorch file"),
        (lambda path: path.write_bytes(b""), "is empty; expected a PyTorch file"),
        (
            lambda path: path.write_bytes(pickle.dumps({"a": 1}, protocol=2)),
            "a pickle that torch.save did not write",
        ),
        (lambda path: torch.save({"epoch": 3, "best": 0.5}, path), "holds no state dict.*only 'epoch', 'best'"),
        (lambda path: None, "is not a file"),
    ],
)
def test_files_without_tensors_are_told_and_nothing_is_written(write, told, trust, tmp_path):
    path, out = tmp_path / "theirs.pth", tmp_path / "out.safetensors"
    write(path)
    with pytest.raises(WeightsError, match=told) as caught:
        convert(path, out, trust)
    assert str(path) in str(caught.value)
    assert [p.name for p in tmp_path.glob("*out*")] == []


def test_out_is_a_safetensors_file(tmp_path):
    torch.save({"a": A}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=r"expected a name that ends in \.safetensors"):
        convert(tmp_path / "a.pt", tmp_path / "out.pth")


def test_a_mirrors_own_record_counts(tmp_path, cache, server, monkeypatch, run):
    """A copy that was damaged on the way is told though its publisher states no digest."""
    file = published(monkeypatch, f"{server.url}/r.h5")
    fetch(file)
    mirror = tmp_path / "usb"
    cache.rename(mirror)
    (mirror / "r.h5").write_bytes(DATA[:-1] + b"?")
    with pytest.raises(WeightsError, match=rf"expected {SHA256} according to the mirror's index"):
        fetch(file, mirror)
    assert visible(cache) == []


@pytest.mark.parametrize("text", ["", "[]", '{"r.h5": 3}', '{"r.h5": {"sha256": "short"}}'])
def test_a_damaged_index_is_told(text, cache, server, monkeypatch):
    published(monkeypatch, f"{server.url}/r.h5")
    cache.mkdir()
    (cache / "index.json").write_text(text)
    with pytest.raises(WeightsError, match=r"index.json is damaged"):
        locate("resnet152_11k", R)


def test_a_file_put_there_by_hand_is_held_against_what_is_known(cache, server, monkeypatch):
    published(monkeypatch, f"{server.url}/r.h5", md5="0" * 32)
    cache.mkdir()
    (cache / "r.h5").write_bytes(DATA)
    with pytest.raises(WeightsError, match=rf"got md5 {MD5}; expected {'0' * 32}"):
        locate("resnet152_11k", R)


@pytest.mark.parametrize("model", ["resnet18.nosuch", "../escape", "no_such_model"])
def test_a_name_that_timm_lacks_becomes_no_path_and_no_address(model):
    (file,) = files_of(ExtractorConfig(kind="timm", model=model))
    assert "/" not in file.name and file.url == "" and model in file.origin
