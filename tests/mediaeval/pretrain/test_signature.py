"""Training the signature: what a folder holds, the loss and the recalls as formulas, and a set that can be learned."""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.features.networks.dual_encoding import END, N_SPECIAL, PAD, START, UNKNOWN, load_visual
from mediaeval.pretrain.bigfile import BigFile
from mediaeval.pretrain.captions import Caption, read_captioned_videos, words_of
from mediaeval.pretrain.pairs import padded_frames, padded_words, pair_batches, vocabulary_of, word_embedding
from mediaeval.pretrain.run import pretrain
from mediaeval.pretrain.signature import rate, recalls, triplet_loss
from mediaeval.training.checkpoint import METADATA
from mediaeval.training.objective import epoch_rng
from mediaeval.weights.read import read_weights

pytestmark = pytest.mark.integration

CPU = torch.device("cpu")
THINGS = ["fire", "water", "smoke", "mud", "ash", "snow", "wind", "roof", "road", "boat", "tent", "dog"]
WIDTH = 24
SMALL = {"hidden": 24, "filters": 12, "space": 32, "device": "cpu", "lr": 2e-3, "batch_size": 40}


def write_bigfile(folder, vectors: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.array(list(vectors.values()), "<f4")
    (folder / "shape.txt").write_text(f"{rows.shape[0]} {rows.shape[1]}\n")
    (folder / "id.txt").write_text(" ".join(vectors))
    (folder / "feature.bin").write_bytes(rows.tobytes())


def write_collection(folder, frames: dict[str, list[np.ndarray]], captions: dict[str, str], feature="resnet"):
    """The public layout. `frames`: video → vectors; `captions`: name of a caption file → its text."""
    place = folder / "FeatureData" / feature
    write_bigfile(place, {f"{v}_{k}": x for v, of_video in frames.items() for k, x in enumerate(of_video)})
    ids = {video: [f"{video}_{k}" for k in range(len(of_video))] for video, of_video in frames.items()}
    (place / "video2frames.txt").write_text(str(ids))
    (folder / "TextData").mkdir()
    for name, text in captions.items():
        (folder / "TextData" / f"{name}.caption.txt").write_text(text)
    return folder


def tiny(folder):
    """Four videos of one or two frames, two captions each."""
    frames = {f"video{k}": [np.full(3, 10 * k + n + 1.0) for n in range(1 + k % 2)] for k in range(4)}
    lines = [f"video{k}#{n} a {THINGS[k]} burns, video {k}\n" for k in range(4) for n in range(2)]
    return write_collection(folder, frames, {"drawn": "".join(lines)})


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """200 videos of three of twelve things each: captions name them, frames are the sums of their vectors and noise."""
    rng = np.random.default_rng(0)
    directions = dict(zip(THINGS, rng.standard_normal((len(THINGS), WIDTH)), strict=True))
    triples = [list(t) for t in itertools.combinations(THINGS, 3)]
    frames, lines = {}, []
    for k in rng.permutation(len(triples))[:200]:
        video, things = f"video{k}", triples[k]
        content = sum(directions[thing] for thing in things)
        frames[video] = [content + 0.5 * rng.standard_normal(WIDTH) for _ in range(rng.integers(1, 5))]
        for n in range(3):
            a, b, c = rng.permutation(things)
            lines.append(f"{video}#{n} A {a} near the {b}; one {c}.\n")
    return write_collection(tmp_path_factory.mktemp("planted"), frames, {"drawn": "".join(lines)})


# --- training ------------------------------------------------------------------------------------------------------


def text_recalls(row: dict) -> float:
    return sum(row[f"text_R{k}"] for k in (1, 5, 10))


CHANCE = 100 * (1 + 5 + 10) / 40  # the place of a caption's video among 40 held-out ones, at random


def test_captions_find_videos_of_things_never_seen_together_far_above_chance(planted, tmp_path):
    out = tmp_path / "signature.safetensors"
    history = pretrain("signature", planted, out, epochs=4, val=0.2, **SMALL)
    best = max(history, key=lambda row: row["recall"])
    assert text_recalls(best) > 6 * CHANCE
    assert best["recall"] > history[0]["recall"] and history[-1]["loss"] < history[0]["loss"] / 2

    # what was written is the best epoch's visual branch, and gives what the network gave
    loaded = load_visual(read_weights(out, "extractor 'signature'"), "extractor 'signature'", out)
    assert (loaded.frame_width, loaded.space, loaded.attention_axis) == (WIDTH, 32, "time")
    with safe_open(out, "pt") as file:
        about = json.loads(file.metadata()[METADATA])
    assert float(about["epoch"]) == best["epoch"]
    assert about["pairs"] == "480 for training, 120 for validation"
    assert [about[key] for key in ("hidden", "filters", "space")] == ["24", "12", "32"]
    # two videos of the same things lie nearer to each other than to those of none of them
    data = read_captioned_videos(planted)
    things = {c.video: {w for w in c.words if w in THINGS} for c in data.train}
    videos = list(things)
    with torch.no_grad():
        V = loaded(*padded_frames(videos, data, CPU)).numpy()
    shared = np.array([[len(things[a] & things[b]) for a in videos] for b in videos])
    likeness = V @ V.T
    assert likeness[shared == 2].mean() > likeness[shared == 0].mean() + 0.2


def test_captions_of_other_videos_teach_nothing_about_held_out_ones(planted, tmp_path):
    """The control: the same set, each video's captions moved to another."""
    text = (planted / "TextData/drawn.caption.txt").read_text()
    lines = [line.split(" ", 1) for line in text.splitlines(keepends=True)]
    videos = sorted({ident.partition("#")[0] for ident, _ in lines})
    shuffled = np.random.default_rng(1).permutation(videos)
    other = dict(zip(videos, shuffled, strict=True))
    (tmp_path / "set/TextData").mkdir(parents=True)
    (tmp_path / "set/FeatureData").symlink_to(planted / "FeatureData")
    moved = "".join(f"{other[ident.partition('#')[0]]}#0 {caption}" for ident, caption in lines)
    (tmp_path / "set/TextData/drawn.caption.txt").write_text(moved)
    history = pretrain("signature", tmp_path / "set", tmp_path / "x.safetensors", epochs=4, val=0.2, **SMALL)
    assert all(0.4 * CHANCE < text_recalls(row) < 2 * CHANCE for row in history)


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_the_same_weights(planted, tmp_path):
    through, resumed = tmp_path / "through.safetensors", tmp_path / "resumed.safetensors"
    expected = pretrain("signature", planted, through, epochs=4, **SMALL)

    def kill(done, total, note):
        if done == 2 and "examples" in note:  # in the midst of the third epoch
            raise Killed

    with pytest.raises(Killed):
        pretrain("signature", planted, resumed, epochs=4, on_progress=kill, **SMALL)
    history = pretrain("signature", planted, resumed, epochs=4, resume=True, **SMALL)
    assert history == expected
    assert resumed.read_bytes() == through.read_bytes()
    other = pretrain("signature", planted, tmp_path / "other.safetensors", epochs=4, seed=1, **SMALL)
    assert other[0]["loss"] != expected[0]["loss"], "another seed is another training"


def test_settings_that_cannot_be_are_reported_together(tmp_path):
    with pytest.raises(ConfigError) as error:
        pretrain("signature", tmp_path, tmp_path / "x.safetensors", batch_size=1, val=1.0, min_count=0, lr=0, epochs=0)
    assert len(error.value.problems) == 5


def test_resuming_with_another_network_names_what_is_another(tmp_path):
    folder, out = tiny(tmp_path / "set"), tmp_path / "x.safetensors"
    settings = SMALL | {"batch_size": 3, "min_count": 1}

    def kill(done, total, note):
        if done == 1 and "examples" in note:
            raise Killed

    with pytest.raises(Killed):
        pretrain("signature", folder, out, epochs=2, on_progress=kill, **settings)
    write_bigfile(folder / "word2vec", {"fire": np.zeros(7)})
    with pytest.raises(ConfigError) as raised:
        pretrain("signature", folder, out, epochs=2, resume=True, **settings | {"hidden": 8, "filters": 5, "space": 16})
    assert list(raised.value.problems[1:]) == [
        "  filters: was 12, now 5",
        "  hidden: was 24, now 8",
        "  space: was 32, now 16",
        "  word_vectors: was none, now width 7",
    ]


def test_vectors_that_are_not_finite_stop_the_training(tmp_path, monkeypatch):
    def broken(videos, data, device):
        frames, lengths = padded_frames(videos, data, device)
        return (frames if torch.is_grad_enabled() else frames * torch.inf), lengths

    monkeypatch.setattr("mediaeval.pretrain.signature.padded_frames", broken)
    settings = SMALL | {"batch_size": 3, "min_count": 1}
    with pytest.raises(ConfigError, match=r"vectors of held-out videos became NaN or infinite after epoch 1 of \d+"):
        pretrain("signature", tiny(tmp_path / "set"), tmp_path / "x.safetensors", **settings)
    assert not list(tmp_path.glob("x.*"))


def test_captions_of_rare_words_alone_are_reported(tmp_path):
    folder = tiny(tmp_path / "set")
    with pytest.raises(ConfigError, match="no word occurs 99 times in the captions"):
        pretrain("signature", folder, tmp_path / "x.safetensors", min_count=99, **SMALL)
    assert not (tmp_path / "x.safetensors").exists()


# --- formulas ------------------------------------------------------------------------------------------------------


def test_the_rate_falls_and_is_halved_after_three_epochs_without_a_new_best():
    assert rate(1.0, []) == 1
    assert rate(1.0, [1, 2, 3, 4]) == pytest.approx(0.99**4)
    assert rate(1.0, [5, 4]) == pytest.approx(0.99**2), "a rate is kept for three epochs"
    assert rate(1.0, [5, 4, 3]) == pytest.approx(0.99**3 / 2)
    assert rate(1.0, [5, 4, 3, 2, 1]) == pytest.approx(0.99**5 / 2)
    assert rate(1.0, [5, 4, 3, 2, 1, 0]) == pytest.approx(0.99**6 / 4)
    assert rate(1.0, [5, 4, 3, 6, 7, 8]) == pytest.approx(0.99**6 / 2)


def unit(rows: int, width: int = 4, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=1)


def test_the_loss_is_its_formula_and_a_video_has_no_negatives_among_its_captions():
    V, T, videos, margin = unit(6, seed=1), unit(6, seed=2), [0, 1, 0, 2, 3, 1], 0.2
    expected = 0.0
    for i in range(6):
        others = [j for j in range(6) if videos[j] != videos[i]]
        expected += max(0, margin + max(V[i] @ T[j] for j in others) - V[i] @ T[i])
        expected += max(0, margin + max(V[j] @ T[i] for j in others) - V[i] @ T[i])
    number = torch.tensor(videos)
    assert triplet_loss(V, T, number[:, None] == number, margin).item() == pytest.approx(float(expected), abs=1e-5)
    alone = torch.ones(6, 6, dtype=torch.bool)
    assert triplet_loss(V, T, alone, margin).item() == 0, "captions of one video compare with nothing"


def test_recalls_are_those_of_sorting():
    owner = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0, 5, 7])
    V, T = unit(12, seed=3), unit(16, seed=4)
    found = recalls(V, T, owner)
    nearest_videos = (-(T @ V.T)).argsort(dim=1).tolist()
    nearest_captions = (-(V @ T.T)).argsort(dim=1).tolist()
    for k in (1, 5, 10):
        text = [owner[c].item() in nearest_videos[c][:k] for c in range(16)]
        video = [v in owner[nearest_captions[v][:k]].tolist() for v in range(12)]
        assert found[f"text_R{k}"] == pytest.approx(100 * np.mean(text))
        assert found[f"video_R{k}"] == pytest.approx(100 * np.mean(video))
    assert found["recall"] == pytest.approx(sum(v for key, v in found.items() if key != "recall"))
    assert recalls(V, V, torch.arange(12))["recall"] == pytest.approx(600)


def test_a_network_that_gives_all_the_same_has_found_nothing():
    same = torch.nn.functional.normalize(torch.ones(20, 4), dim=1)
    assert recalls(same, same, torch.arange(20))["recall"] == 0


# --- words ---------------------------------------------------------------------------------------------------------


def test_words_are_cleaned_as_the_public_code_does():
    assert words_of("A man's 2-year-old, running!") == ("a", "man", "s", "2", "year", "old", "running")


@given(st.text())
def test_words_are_lower_case_letters_and_digits_and_cleaning_again_changes_nothing(text):
    words = words_of(text)
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz0123456789") and word for word in words)
    assert words_of(" ".join(words)) == words


def test_rare_words_become_unknown():
    captions = [Caption("v", words_of(text)) for text in ("the dog", "the dog ran", "the end")]
    vocabulary = vocabulary_of(captions, 2)
    assert vocabulary == {"the": N_SPECIAL, "dog": N_SPECIAL + 1}
    words, lengths = padded_words(captions[:2], vocabulary, CPU)
    assert words.tolist() == [[START, 4, 5, END, PAD], [START, 4, 5, UNKNOWN, END]]
    assert lengths.tolist() == [4, 5]


def test_word_vectors_are_taken_where_there_are_some(tmp_path):
    write_bigfile(tmp_path / "word2vec", {"dog": np.full(4, 9.0), "unheard": np.zeros(4)})
    vectors = BigFile(tmp_path / "word2vec")
    table = word_embedding({"the": N_SPECIAL, "dog": N_SPECIAL + 1}, vectors, np.random.default_rng(0))
    assert table.shape == (N_SPECIAL + 2, 4) and table[N_SPECIAL + 1].tolist() == [9.0] * 4
    rest = table[: N_SPECIAL + 1]
    assert rest.abs().max() <= 1 and len(rest.unique()) == rest.numel(), "uniform −1..1, each number its own"


def test_word_vectors_give_the_embedding_its_width(tmp_path):
    folder = tiny(tmp_path / "set")
    write_bigfile(folder / "word2vec", {"fire": np.zeros(7)})
    settings = SMALL | {"hidden": 4, "batch_size": 3}
    assert len(pretrain("signature", folder, tmp_path / "x.safetensors", epochs=1, min_count=1, **settings)) == 1


# --- batches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 4, 5, 100])
def test_an_epoch_gives_every_pair_once_and_no_pair_alone(tmp_path, size):
    """Frames are 10 · video + place + 1, so that a batch shows whose they are."""
    data = read_captioned_videos(tiny(tmp_path / "set"), val=0.25)  # 3 videos with 2 captions each are left
    vocabulary = vocabulary_of(data.train, 1)
    seen = []
    for batch in pair_batches(data, vocabulary, size, epoch_rng(0, 0), CPU):
        assert len(batch.videos) > 1
        for row, n in enumerate(batch.n_frames.tolist()):
            video = int(batch.frames[row, 0, 0] // 10)
            assert batch.frames[row, :n, 0].tolist() == [10 * video + k + 1 for k in range(n)]
            assert n == 1 + video % 2 and not batch.frames[row, n:].any()
            ids = batch.words[row, 1 : batch.n_words[row] - 1].tolist()
            words = [next(w for w, number in vocabulary.items() if number == i) for i in ids]
            assert words == ["a", THINGS[video], "burns", "video", str(video)], "a caption stays with its video"
            seen.append(video)
    assert sorted(seen) == sorted(2 * [int(v.removeprefix("video")) for v in {c.video for c in data.train}])


# --- folders -------------------------------------------------------------------------------------------------------


def test_without_a_validation_file_videos_are_held_out_by_the_seed(tmp_path):
    folder = tiny(tmp_path / "set")
    sides = [read_captioned_videos(folder, val=0.5, seed=seed) for seed in (0, 0, 1, 2, 3)]
    for data in sides:
        train, val = ({c.video for c in side} for side in (data.train, data.val))
        assert len(train) == len(val) == 2 and not train & val
    held = [sorted({c.video for c in data.val}) for data in sides]
    assert held[0] == held[1] and any(other != held[0] for other in held[2:])


def test_a_caption_file_with_val_in_its_name_is_for_validation(tmp_path):
    folder = tiny(tmp_path / "set")
    path = folder / "TextData/drawn.caption.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6]))
    (folder / "TextData/drawnval.caption.txt").write_text("".join(lines[6:]))
    data = read_captioned_videos(folder)
    assert [c.video for c in data.val] == ["video3", "video3"] and len(data.train) == 6
    assert data.val[0].words == ("a", "mud", "burns", "video", "3") and data.feature == "resnet"


def test_a_caption_file_that_is_alone_is_for_training_whatever_its_name(tmp_path):
    folder = tiny(tmp_path / "set")
    (folder / "TextData/drawn.caption.txt").rename(folder / "TextData/carnival.caption.txt")
    assert len(read_captioned_videos(folder).train) == 6  # 3 videos of 4


def test_video2frames_may_lie_beside_the_feature_folder_and_ids_may_end_as_files_do(tmp_path):
    folder = tiny(tmp_path / "set")
    (folder / "FeatureData/resnet/video2frames.txt").rename(folder / "FeatureData/video2frames.txt")
    path = folder / "TextData/drawn.caption.txt"
    path.write_text(path.read_text().replace("video1#", "video1.mp4#").replace("\n", "\r\n") + "\r\n")
    data = read_captioned_videos(folder)
    assert data.frames["video1"] == ["video1_0", "video1_1"]


def test_of_several_features_one_is_named(tmp_path):
    folder = tiny(tmp_path / "set")
    (folder / "FeatureData/resnet").rename(folder / "FeatureData/resnext")
    write_bigfile(folder / "FeatureData/other", {"x": np.zeros(2)})
    with pytest.raises(DatasetError, match=r"has several features: other, resnext\. Choose one"):
        read_captioned_videos(folder)
    assert read_captioned_videos(folder, feature="resnext").features.dim == 3
    with pytest.raises(ConfigError, match=r"unknown feature 'resnet'\. Did you mean 'resnext'"):
        read_captioned_videos(folder, feature="resnet")


def replace(name, old, new):
    def change(folder):
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


V2F, CAPTIONS = "FeatureData/resnet/video2frames.txt", "TextData/drawn.caption.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / V2F).unlink(), r"video2frames\.txt and .*FeatureData/video2frames\.txt not found"),
        (lambda folder: (folder / CAPTIONS).unlink(), r"got none; expected one NAME\.caption\.txt for training"),
        (write("TextData/test.caption.txt", "v#0 a"), r"got drawn\.caption\.txt, test\.caption\.txt; expected one"),
        (
            write("TextData/aval.caption.txt", "video0#9 a man"),
            r"1 videos are captioned both for training and .*video0",
        ),
        (write(CAPTIONS, "\n\n"), "has no captions"),
        (write(CAPTIONS, "video0#0 a man"), "expected captions of at least 2 videos for training"),
        (replace(CAPTIONS, "video1#0 a water burns, video 1", "video1#0 …"), r"without a word: 3\. Expected"),
        (replace(CAPTIONS, "video2#0", "video9#0"), r"1 captioned videos have no frames in video2frames.txt: video9\."),
        (replace(V2F, "['video0_0']", "[]"), r"1 captioned videos have no frames in video2frames.txt: video0\."),
        (replace(V2F, "video3_1", "video3_7"), r"1 frames of captioned videos have no vector in .*id\.txt: video3_7"),
        (write(V2F, "__import__('os').getcwd()"), "is not a Python literal"),
        (write(V2F, "{'video0': ["), "is not a Python literal"),
        (write(V2F, "[1, 2]"), r"is a list\. Expected \{'video'"),
        (write(V2F, "{'video0': 'video0_0', 'video1': [1]}"), r"2 entries are not 'video'.*: 'video0', 'video1'"),
        (write("FeatureData/resnet/feature.bin", "short"), r"feature\.bin has 5 bytes; expected 72 for 6 × 3 float32"),
        (lambda folder: (folder / "word2vec").mkdir(), r"word2vec has no shape\.txt, id\.txt, feature\.bin"),
    ],
)
def test_folders_that_cannot_be_used_are_reported(tmp_path, change, message):
    change(tiny(tmp_path / "set"))
    with pytest.raises(DatasetError, match=message):
        read_captioned_videos(tmp_path / "set")


def test_all_that_is_wrong_is_reported_at_once(tmp_path):
    folder = tiny(tmp_path / "set")
    write("FeatureData/resnet/feature.bin", "short")(folder)
    replace(V2F, "'video3': ", "'video4': ")(folder)
    write("TextData/drawnval.caption.txt", "video0#0 a man\nvideo8#1")(folder)
    with pytest.raises(DatasetError) as error:
        pretrain("signature", folder, tmp_path / "x.safetensors", **SMALL)
    told = str(error.value)
    for part in ("feature.bin has 5 bytes", "video3, video8", "without a word: 2.", "for validation; remove"):
        assert part in told
    with pytest.raises(DatasetError) as error:
        read_captioned_videos(tmp_path / "nowhere")
    assert len(error.value.problems) == 2  # neither features nor captions
