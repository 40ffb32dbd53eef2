"""Image-sentiment sets in the layouts in which they are handed round, a few drawn images each."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.experiments.datasets.layouts import EMOTIONROI, FI, WEBEMO
from mediaeval.experiments.datasets.lists import id_of, parse_categories, parse_labelled, parse_names, parse_urls
from mediaeval.experiments.datasets.sets import SENTIMENT_SETS, load_sentiment_set
from mediaeval.experiments.datasets.splits import (
    Split,
    disjoint_folds,
    hold_outs,
    read_splits,
    require_sides,
    stratified,
    write_splits,
)
from mediaeval.features.extract import extract
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.store import FeatureStore


def draw(folder: Path, names: str) -> None:
    """Draw an image of one colour for each name."""
    for k, name in enumerate(names.split()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (10 * k % 256, 99, 7)).save(path)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


FIVE = "a_1.jpg 1\nb_1.jpg 0\nc_1.jpg 1\nd_1.jpg 0\ne_1.jpg 1\n"


def twitter1(folder: Path, lists: dict[str, str], images: str = "Agg_AMT_Candidates") -> Path:
    draw(folder / images, "a_1.jpg b_1.jpg c_1.jpg d_1.jpg e_1.jpg f_1.jpg g_1.jpg")
    return write(folder, lists)


def twitter2(folder: Path) -> Path:
    draw(folder, "partition1/1.jpg partition1/2.jpg partition2/148.jpg partition3/303.jpg partition4/460.jpg")
    draw(folder, "partition5/635.JPG")
    truth = "1\tpositive\n2\tnegative\n148\tpositive\n303\tnegative\n460\tpositive\n635\tpositive\n"
    return write(folder, {"groundTruthLabel.txt": truth})


def emotionroi(folder: Path) -> Path:
    draw(folder, "images/joy/1.jpg images/joy/2.jpg images/fear/1.jpg images/anger/7.jpg images/surprise/9.jpg")
    draw(folder, "ground_truth/joy/1.jpg")  # the stimuli map of an image is no image of the set
    training = "joy/1.jpg\nfear/1.jpg\nsurprise/9.jpg\n"
    split = {"training.txt": training, "testing.txt": "joy/2.jpg\nanger/7.jpg\n"}
    return write(folder, {f"training_testing_split/{name}": text for name, text in split.items()})


def fi(folder: Path, per_class: int = 20) -> Path:
    for emotion in FI:
        draw(folder / emotion, " ".join(f"{emotion}_{k}.jpg" for k in range(per_class)))
    return folder


WEB = {
    "category.txt": "".join(f"('{c}', 'mid', '{'+' if p == 'positive' else '-'}')\n" for c, p in WEBEMO.items())
    .replace("cheerfulness", "cheerfullness")
    .replace("irritability", "irritabilty"),
    "train25.txt": "https://x.test/jpg/00/220_F_1.jpg 0\nhttps://x.test/b.jpg?w=2 1\nhttps://x.test/gone.jpg 19\n",
    "test25.txt": "https://x.test/c.jpg 2\nhttps://y.test/d.jpg 22\n",
}


def webemo(folder: Path) -> Path:
    draw(folder / "images", "220_F_1.jpg 1_b.jpg c.jpg d.jpg")
    return write(folder, WEB)


DRAWN = {
    "twitter1-5": lambda folder: twitter1(folder, {"five_agrees.txt": FIVE}),
    "twitter1-4": lambda folder: twitter1(folder, {"four_agrees.txt": FIVE + "f_1.jpg 0\n"}),
    "twitter1-3": lambda folder: twitter1(folder, {"three_agrees.txt": FIVE + "g_1.jpg 1\n"}),
    "twitter2": twitter2,
    "emotionroi": emotionroi,
    "fi": fi,
    "webemo": webemo,
}


@pytest.mark.parametrize("name", SENTIMENT_SETS)
def test_every_set_is_read_from_its_layout(name, tmp_path):
    found = load_sentiment_set(name, DRAWN[name](tmp_path), seed=0)
    assert set(found.labels) == {"negative", "positive"}
    assert list(found.labels.index) == list(found.dataset.ids) and found.labels.index.is_unique
    for i, path in found.dataset.image_paths.items():
        assert path.is_file() and path.is_relative_to(tmp_path) and i.rpartition("/")[2] in path.stem
    for split in found.splits:
        parts = [*split.train, *split.validation, *split.test]
        assert split.train and split.test and len(parts) == len(set(parts)) and set(parts) <= set(found.dataset.ids)
    assert any("published" in note for note in found.notes), "so few images are told"


@pytest.mark.parametrize("name", SENTIMENT_SETS)
def test_features_are_extracted_of_every_set(name, tmp_path):
    found = load_sentiment_set(name, DRAWN[name](tmp_path / "set"))
    mean = FeatureExtractor(
        "mean",
        {"kind": "mean"},
        3,
        lambda image: np.asarray(image, np.float32).mean(axis=(0, 1)),
        lambda batch: batch,
    )
    features = extract(found.dataset, [mean], FeatureStore(tmp_path / "store"))
    assert features.matrix(["mean"], found.dataset.ids).shape == (len(found.labels), 3) and not features.failures


def test_published_counts_are_those_of_the_literature():
    """Totals as the papers give them; the share of the larger polarity is what a constant answer reaches."""
    totals = {n: sum(entry.published.values()) for n, entry in SENTIMENT_SETS.items()}
    papers = {"twitter1-5": 882, "twitter1-4": 1116, "twitter1-3": 1269, "twitter2": 603}
    assert totals == papers | {"emotionroi": 1980, "fi": 23308, "webemo": 267441}
    shares = {}
    for name, polarity in (("twitter1-5", None), ("twitter2", None), ("emotionroi", EMOTIONROI), ("fi", FI)):
        counts = {"negative": 0, "positive": 0}
        for label, n in SENTIMENT_SETS[name].published.items():
            counts[polarity[label] if polarity else label] += n
        shares[name] = round(100 * max(counts.values()) / sum(counts.values()), 1)
    assert shares == {"twitter1-5": 65.9, "twitter2": 77.9, "emotionroi": 66.7, "fi": 70.5}
    assert len(WEBEMO) == 25 and list(WEBEMO) == sorted(WEBEMO), "indices are alphabetical"


# TwitterI


@pytest.mark.parametrize(
    "name", ["five_agrees.txt", "five_agree.txt", "twitter_five_agrees.txt", "ground_truth/twitter_five_agrees.txt"]
)
@pytest.mark.parametrize("images", ["Agg_AMT_Candidates", "images"])
def test_twitter1_lists_have_several_spellings(tmp_path, name, images):
    found = load_sentiment_set("twitter1-5", twitter1(tmp_path, {name: FIVE}, images))
    assert found.labels.to_dict() == {
        "a_1": "positive",
        "b_1": "negative",
        "c_1": "positive",
        "d_1": "negative",
        "e_1": "positive",
    }
    assert "counts found: negative 2, published 301; positive 3, published 581" in found.notes


def test_twitter1_sets_are_cumulative_and_the_looser_list_has_the_last_word(tmp_path):
    folder = twitter1(tmp_path, {"five_agrees.txt": FIVE, "four_agrees.txt": "f_1.jpg 0\na_1.jpg 0\n"})
    found = load_sentiment_set("twitter1-4", folder)
    assert sorted(found.labels.index) == ["a_1", "b_1", "c_1", "d_1", "e_1", "f_1"]
    assert found.labels["a_1"] == "negative"
    told = "\n".join(found.notes)
    assert "4 images of the 5-agree list not in the 4-agree list: included" in told
    assert "different label in the 5-agree list: a_1" in told
    assert len(load_sentiment_set("twitter1-5", folder).labels) == 5, "and the stricter set has not the looser images"


def test_twitter1_shipped_folds(tmp_path):
    folds = {
        "ground_truth/five_agrees/test1/train.txt": "b_1.jpg 0\nc_1.jpg 1\n",
        "ground_truth/five_agrees/test1/test.txt": "a_1.jpg 1\n",
        "ground_truth/five_agrees/test2/train.txt": "a_1.jpg 1\nc_1.jpg 1\nz_9.jpg 1\n",
        "ground_truth/five_agrees/test2/test.txt": "b_1.jpg 0\n",
    }
    found = load_sentiment_set("twitter1-5", twitter1(tmp_path, folds, "images"), protocol="shipped")
    assert [split.test for split in found.splits] == [("a_1",), ("b_1",)]
    assert found.splits[1].train == ("a_1", "c_1") and found.absent == ("z_9",)
    assert "1 image listed but absent, left out: z_9" in found.notes


def test_twitter1_protocols(tmp_path):
    folder = DRAWN["twitter1-4"](tmp_path)  # six images
    held, again, other = (load_sentiment_set("twitter1-4", folder, seed) for seed in (0, 0, 1))
    assert [(len(s.train), len(s.test)) for s in held.splits] == [(5, 1)] * 5
    assert held.splits == again.splits != other.splits
    folds = load_sentiment_set("twitter1-4", folder, protocol="folds")
    assert len({i for s in folds.splits for i in s.test}) == 5, "the sixth is dropped"
    with pytest.raises(DatasetError, match="no folds of its own"):
        load_sentiment_set("twitter1-4", folder, protocol="shipped")
    with pytest.raises(ConfigError, match="Known: hold-out, folds, shipped, stored"):
        load_sentiment_set("twitter1-4", folder, protocol="holdout5")


# TwitterII


def test_twitter2_partitions_are_the_folds(tmp_path):
    found = load_sentiment_set("twitter2", twitter2(tmp_path))
    assert [s.test for s in found.splits] == [("1", "2"), ("148",), ("303",), ("460",), ("635",)]
    assert all(sorted(s.train + s.test) == sorted(found.labels.index) for s in found.splits)


def test_twitter2_tells_what_does_not_fit(tmp_path):
    folder = twitter2(tmp_path)
    draw(folder, "partition1/900.jpg")
    (folder / "partition5/635.JPG").unlink()
    with pytest.raises(DatasetError, match="split 5 has 5 training and 0 test images"):
        load_sentiment_set("twitter2", folder)
    draw(folder, "partition5/636.jpg")
    (folder / "groundTruthLabel.txt").open("a").write("636\tnegative\n")
    found = load_sentiment_set("twitter2", folder)
    assert "1 image without a label left out: 900" in found.notes
    assert "1 image listed but absent, left out: 635" in found.notes
    draw(folder, "partition2/1.jpg")
    with pytest.raises(DatasetError, match="1 is in partition1 and partition2"):
        load_sentiment_set("twitter2", folder)


# EmotionROI, FI, WEBEmo


def test_emotionroi_takes_the_shipped_split_and_tells_its_ratio(tmp_path):
    folder = emotionroi(tmp_path)
    draw(folder, "images/sadness/3.jpg")
    found = load_sentiment_set("emotionroi", folder)
    assert found.splits == [Split(("joy/1", "fear/1", "surprise/9"), (), ("joy/2", "anger/7"))]
    assert found.emotions["surprise/9"] == "surprise" and found.labels["surprise/9"] == "positive"
    told = "\n".join(found.notes)
    assert "3 for training, 2 for testing, 60/40 (SMAP 2021 says 80/20)" in told
    assert "1 image in neither list left out: sadness/3" in told and "joy 2, published 330" in told


def test_fi_is_split_80_5_15_with_equal_shares_and_splits_can_be_stored(tmp_path):
    folder = fi(tmp_path / "fi")
    found = load_sentiment_set("fi", folder, seed=3)
    (split,) = found.splits
    for emotion in FI:  # of 20 images a class
        counts = [
            sum(found.emotions[i] == emotion for i in part) for part in (split.train, split.validation, split.test)
        ]
        assert counts == [16, 1, 3]
    assert load_sentiment_set("fi", folder, seed=4).splits != found.splits
    write_splits(folder / "splits.csv", found.splits)
    (folder / split.test[0]).with_suffix(".jpg").unlink()  # a link that died since
    stored = load_sentiment_set("fi", folder, seed=9, protocol="stored")
    assert stored.splits == [split.without([split.test[0]])]
    assert "1 image of splits.csv not in the set, left out" in stored.notes


def test_webemo_images_are_found_by_the_end_of_their_address(tmp_path):
    found = load_sentiment_set("webemo", webemo(tmp_path))
    assert found.emotions.to_dict() == {
        "images/220_F_1": "affection",
        "images/1_b": "cheerfulness",
        "images/c": "confusion",
        "images/d": "surprise",
    }
    assert found.labels["images/c"] == "negative" and found.labels["images/d"] == "positive"
    assert found.splits == [Split(("images/220_F_1", "images/1_b"), (), ("images/c", "images/d"))]
    assert found.absent == ("gone.jpg",)
    told = "\n".join(found.notes)
    assert "listed: 3 for training, 2 for testing; published 213952 and 53489" in told and "gone.jpg" in told


def test_webemo_a_name_that_means_two_classes_is_left_out_unless_its_folder_tells(tmp_path):
    folder = webemo(tmp_path)
    write(folder, {"test25.txt": "https://x.test/c.jpg 2\nhttps://z.test/d.jpg 22\nhttps://z.test/220_F_1.jpg 5\n"})
    found = load_sentiment_set("webemo", folder)
    assert "images/220_F_1" not in found.labels
    assert any("several classes or parts end in the name: images/220_F_1" in note for note in found.notes)
    (folder / "images/220_F_1.jpg").unlink()
    draw(folder, "train/0/220_F_1.jpg test/disgust/220_F_1.jpg")
    found = load_sentiment_set("webemo", folder)
    assert found.emotions["train/0/220_F_1"] == "affection" and found.emotions["test/disgust/220_F_1"] == "disgust"


# What cannot be used


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("twitter1-5", "five_agrees.txt .* five_agrees/test1/train.txt"),
        ("twitter2", "groundTruthLabel.txt(.|\n)*partition1 … partition5"),
        ("emotionroi", "images/(.|\n)*training_testing_split/training.txt"),
        ("fi", "none of the folders amusement, anger"),
        ("webemo", "train25.txt(.|\n)*test25.txt"),
    ],
)
def test_a_layout_that_is_not_there_is_told_with_what_was_looked_for(tmp_path, name, looked_for):
    with pytest.raises(DatasetError, match=looked_for):
        load_sentiment_set(name, tmp_path)
    with pytest.raises(DatasetError, match=r"does not exist\. Give the folder of"):
        load_sentiment_set(name, tmp_path / "no")


def test_votes_alone_do_not_do(tmp_path):
    with pytest.raises(DatasetError, match=r"amt_result\.csv alone is not enough"):
        load_sentiment_set(
            "twitter1-5", twitter1(tmp_path, {"amt_result.csv": "image,positive,negative\na_1.jpg,5,0\n"})
        )


def test_everything_wrong_with_a_list_is_told_at_once(tmp_path):
    text = "../up.jpg 1\n/etc/a.jpg 0\nC:\\x.jpg 1\na_1.jpg maybe\nb_1.jpg\nc_1.mp4 1\nd_1.jpg 0\nd_1.jpg 1\n"
    with pytest.raises(DatasetError) as caught:
        load_sentiment_set("twitter1-5", twitter1(tmp_path, {"five_agrees.txt": text}))
    told = str(caught.value)
    assert len(caught.value.problems) == 7
    for line, words in {
        1: "'../up.jpg' leads out of the folder",
        2: "'/etc/a.jpg' leads out of the folder",
        3: "leads out of the folder",
        4: "got label 'maybe'; expected one of 0, negative, 1, positive",
        5: "'b_1.jpg' has no label",
        6: "c_1.mp4 is a video",
        8: "d_1.jpg is both positive and negative",
    }.items():
        assert any(p.startswith(f"{tmp_path / 'five_agrees.txt'}:{line}:") and words in p for p in told.splitlines())


def test_videos_in_place_of_images(tmp_path):
    write(tmp_path, {"five_agrees.txt": FIVE, "Agg_AMT_Candidates/a_1.mp4": "", "Agg_AMT_Candidates/b_1.avi": ""})
    with pytest.raises(DatasetError, match=r"holds videos \(a_1\.mp4, b_1\.avi\) and no images"):
        load_sentiment_set("twitter1-5", tmp_path)


def test_unknown_classes(tmp_path):
    folder = emotionroi(tmp_path / "roi")
    write(folder, {"training_testing_split/testing.txt": "love/1.jpg\njoy/1.jpg\n"})
    with pytest.raises(DatasetError, match=r"class 'love'(.|\n)*1 image in both lists \(joy/1\)"):
        load_sentiment_set("emotionroi", folder)
    draw(fi(tmp_path / "fi", 4), "love/1.jpg")
    with pytest.raises(DatasetError, match="got emotion 'love'; expected one of amusement"):
        load_sentiment_set("fi", tmp_path / "fi")
    folder = webemo(tmp_path / "web")
    write(folder, {"test25.txt": "https://x.test/c.jpg 25\nhttps://x.test/ 1\n"})
    expected = r"got class '25'; expected an integer from 0 to 24(.|\n)*does not end in a file name"
    with pytest.raises(DatasetError, match=expected):
        load_sentiment_set("webemo", folder)
    write(folder, {"category.txt": WEB["category.txt"].replace("'zest', 'mid', '+'", "'zest', 'mid', '-'")})
    with pytest.raises(DatasetError, match=r"category.txt:25: .*'zest'.* positive"):
        load_sentiment_set("webemo", folder)


def test_two_files_with_one_id_and_an_unknown_set(tmp_path):
    folder = DRAWN["twitter1-5"](tmp_path)
    draw(folder, "Agg_AMT_Candidates/a_1.png")
    with pytest.raises(DatasetError, match="a_1: two image files"):
        load_sentiment_set("twitter1-5", folder)
    with pytest.raises(ConfigError, match="Did you mean 'twitter2'"):
        load_sentiment_set("twiter2", folder)


def test_images_that_are_all_absent(tmp_path):
    folder = write(tmp_path, {"five_agrees.txt": FIVE})
    draw(folder, "images/other.jpg")
    with pytest.raises(DatasetError, match=r"none of 5 images listed is there .*; found 1 image with other names"):
        load_sentiment_set("twitter1-5", folder)


# The parsers, on any text

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=12)
NAMES = WORDS.filter(lambda w: not set(w) & set("/\\:") and w not in (".", "..")).map(lambda w: w + ".jpg")


@given(st.dictionaries(NAMES, st.booleans(), max_size=8), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_what_is_listed_is_read(labels, end):
    problems = []
    text = end.join(f"{name} {int(label)}" for name, label in labels.items())
    read = parse_labelled(text, "list", problems)
    assert read == {name: "positive" if label else "negative" for name, label in labels.items()} and not problems
    assert parse_names(end.join(labels), "list", problems) == list(labels) and not problems


@given(st.text(max_size=80))
def test_any_text_gives_safe_names_or_problems(text):
    problems: list[str] = []
    names = [*parse_names(text, "list", problems), *parse_labelled(text, "list", problems)]
    for name in names:
        assert (Path("/set") / name).is_relative_to("/set") and ".." not in Path(name).parts
        assert Path("/set/x").joinpath(id_of(name)).is_relative_to("/set/x")
    entries = parse_urls(text, "list", 25, problems)
    assert all("/" not in name and name not in ("", ".", "..") and 0 <= k < 25 for name, k in entries)
    classes = parse_categories(text, "list", WEBEMO, problems)
    assert problems or classes == []  # the empty list of classes is itself a problem
    assert any("expected 25" in problem for problem in problems)


@given(st.integers(10, 60), st.integers(0, 5))
def test_splits_share_no_image_between_their_parts(n, seed):
    ids = [f"i{k}" for k in range(n)]
    folds = disjoint_folds(ids, seed)
    assert [len(s.test) for s in folds] == [n // 5] * 5 and len({i for s in folds for i in s.test}) == n // 5 * 5
    for split in [*folds, *hold_outs(ids, seed)]:
        assert not set(split.train) & set(split.test) and set(split.train) | set(split.test) <= set(ids)
    assert all(len(s.test) == round(0.2 * n) and len(s.train) == n - len(s.test) for s in hold_outs(ids, seed))
    split = stratified({i: "ab"[k % 2] for k, i in enumerate(ids)}, seed)
    assert sorted(split.train + split.validation + split.test) == sorted(ids)


@given(st.data(), st.integers(10, 40), st.integers(0, 5))
def test_equal_ids_are_split_equally_in_any_order(data, n, seed):
    classes = {f"i{k}": "abc"[k % 3] for k in range(n)}
    order = data.draw(st.permutations(list(classes)))
    assert hold_outs(order, seed) == hold_outs(list(classes), seed)
    assert disjoint_folds(order, seed) == disjoint_folds(list(classes), seed)
    assert stratified({i: classes[i] for i in order}, seed) == stratified(classes, seed)


@pytest.mark.parametrize("protocol", ["hold-out", "folds"])
def test_the_order_of_a_lists_lines_changes_no_split(tmp_path, protocol):
    splits = []
    for name, lines in (("as_listed", FIVE.splitlines()), ("reversed", FIVE.splitlines()[::-1])):
        folder = twitter1(tmp_path / name, {"five_agrees.txt": "\n".join(lines)})
        splits.append(load_sentiment_set("twitter1-5", folder, protocol=protocol).splits)
    assert splits[0] == splits[1]


IDS = st.lists(WORDS, unique=True, min_size=3, max_size=9)


@given(IDS, st.integers(0, 3))
def test_stored_splits_are_read_as_they_were(tmp_path_factory, ids, k):
    path = tmp_path_factory.mktemp("splits") / "splits.csv"
    splits = [Split(tuple(ids[:1]), tuple(ids[1 : 1 + k]), tuple(ids[1 + k :])), Split(tuple(ids[1:]), (), (ids[0],))]
    write_splits(path, splits)
    assert read_splits(path) == splits


def test_stored_splits_that_are_none(tmp_path):
    with pytest.raises(DatasetError, match=r"does not exist\. .*splits-NAME\.csv: copy that file to .*splits\.csv"):
        read_splits(tmp_path / "splits.csv")
    (tmp_path / "splits.csv").write_text("split,id\n1,train,a\n1,trian,b\n")
    with pytest.raises(DatasetError, match=r"expected the header split,part,id(.|\n)*:3: got '1,trian,b'"):
        read_splits(tmp_path / "splits.csv")
    with pytest.raises(DatasetError, match=r"split 1 has 0 training(.|\n)*split 2 has an image in two parts"):
        require_sides([Split((), (), ("a",)), Split(("a",), (), ("a",))], "x")


def test_webemo_categories_as_released_are_a_comment_and_a_python_list():
    triples = [f"('{c}', 'mid', '{'+' if p == 'positive' else '-'}')" for c, p in WEBEMO.items()]
    text = "# fine class, emotion, polarity\nlabels=[" + ",\n".join(triples) + "]\n"
    for form in (
        text,
        text.replace("',", "' ,").replace("\n", "\r\n"),
        text.replace(",\n", ", ").replace("=[", " = [\n"),
    ):
        problems: list[str] = []
        assert parse_categories(form, "category.txt", WEBEMO, problems) == list(WEBEMO)
        assert not problems
    parse_categories(text.replace("'zest'", "'zeal'"), "category.txt", WEBEMO, problems := [])
    assert problems == ["category.txt:26: 'zeal' is not a class of this set."]


def test_a_list_may_begin_with_its_headings():
    problems: list[str] = []
    assert parse_labelled("Image\tSentiment\na b\tpositive\n", "list", problems) == {"a b": "positive"}
    assert not problems
    parse_labelled("a\tpositive\nImage\tSentiment\n", "list", problems)
    assert problems == ["list:2: got label 'Sentiment'; expected one of 0, negative, 1, positive."]
