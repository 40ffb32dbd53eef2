"""Feature folders of video-cnn-feat: written here from their description, read back, cut short and contradictory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaeval.errors import FeaturesError
from mediaeval.pretrain.bigfile import BigFile
from tests.mediaeval.formats.test_formats import quick


def bigfile(folder, ids: list[str], vectors: np.ndarray):
    folder.mkdir(exist_ok=True)
    (folder / "shape.txt").write_text(f"{vectors.shape[0]} {vectors.shape[1]}\n")
    (folder / "id.txt").write_bytes(" ".join(ids).encode("iso-8859-1"))
    vectors.astype("<f4").tofile(folder / "feature.bin")
    return folder


word = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), min_size=1, max_size=5)


@quick
@given(ids=st.lists(word, min_size=1, max_size=6, unique=True), dim=st.integers(1, 4), data=st.data())
def test_vectors_are_read_by_name_in_any_order(ids, dim, data, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(len(ids), dim)).astype(np.float32)
    big = BigFile(bigfile(tmp_path / "f", ids, vectors))
    assert big.names == ids and big.dim == dim and len(big) == len(ids)
    order = data.draw(st.permutations(ids))
    rows = [ids.index(name) for name in order]
    np.testing.assert_array_equal(big.get(order), vectors[rows])
    assert big[ids[-1]].dtype == np.float32 and big[ids[-1]].shape == (dim,)
    np.testing.assert_array_equal(big[ids[-1]], vectors[-1])
    assert big.get([]).shape == (0, dim)
    assert "no such name" not in big and ids[0] in big


def test_what_is_read_can_be_written_to_without_changing_the_file(tmp_path):
    big = BigFile(bigfile(tmp_path / "f", ["a"], np.ones((1, 2))))
    vector = big["a"]
    vector += 1
    assert big["a"].tolist() == [1, 1]


def test_names_that_the_folder_lacks_are_reported_together(tmp_path):
    big = BigFile(bigfile(tmp_path / "f", ["a", "b"], np.zeros((2, 3))))
    with pytest.raises(FeaturesError, match="has no features of c, d, e … and 1 more; it has 2 names"):
        big.get(["a", "c", "d", "e", "f"])


def test_a_feature_folder_that_contradicts_itself_tells_everything(tmp_path):
    folder = bigfile(tmp_path / "f", ["a", "b", "a"], np.zeros((3, 2)))
    (folder / "shape.txt").write_text("4 2")
    with pytest.raises(FeaturesError) as caught:
        BigFile(folder)
    told = "\n".join(caught.value.problems)
    assert "says 4 rows, id.txt has 3 names" in told
    assert "24 bytes; expected 32 for 4 × 2 float32" in told
    assert "has 1 names twice: a" in told


@pytest.mark.parametrize("text", ["", "3", "3 2 1", "a b", "-1 2", "0 2", "3 0", "3.0 2", "9" * 200])
def test_shapes_that_are_none_are_reported(text, tmp_path):
    folder = bigfile(tmp_path / "f", ["a"], np.zeros((1, 1)))
    (folder / "shape.txt").write_text(text)
    with pytest.raises(FeaturesError, match=r"shape\.txt: got '.*'; expected two whole numbers above 0"):
        BigFile(folder)


def test_a_feature_folder_cut_short_or_incomplete_is_reported(tmp_path):
    folder = bigfile(tmp_path / "f", ["a", "b"], np.zeros((2, 2)))
    data = (folder / "feature.bin").read_bytes()
    for length in range(len(data)):
        (folder / "feature.bin").write_bytes(data[:length])
        with pytest.raises(FeaturesError, match=f"has {length} bytes; expected 16 for 2 × 2 float32"):
            BigFile(folder)
    (folder / "feature.bin").unlink()
    (folder / "id.txt").unlink()
    with pytest.raises(FeaturesError, match=r"has no id\.txt, feature\.bin"):
        BigFile(folder)
