"""Pairs of a video and a caption as batches: frames, and the words of a vocabulary, padded to one length.

B pairs, T frames, L words, W the width of a frame's vector.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mediaeval.features.networks.dual_encoding import END, N_SPECIAL, PAD, START, UNKNOWN
from mediaeval.pretrain.bigfile import BigFile
from mediaeval.pretrain.captions import Caption, CaptionedVideos


class PairBatch(NamedTuple):
    """Pairs of a video and a caption; rows are padded to the longest of the batch."""

    frames: Tensor  # (B, T, W)
    n_frames: Tensor  # (B,)
    words: Tensor  # (B, L)
    n_words: Tensor  # (B,)
    videos: Tensor  # (B,), a number for each video: captions of one video have the same


def vocabulary_of(captions: Iterable[Caption], min_count: int) -> dict[str, int]:
    """Return word → id, from `N_SPECIAL` on in order of first occurrence, of words that occur `min_count` times."""
    counts = Counter(word for caption in captions for word in caption.words)
    words = [word for word, count in counts.items() if count >= min_count]
    return {word: number for number, word in enumerate(words, start=N_SPECIAL)}


def word_embedding(vocabulary: dict[str, int], vectors: BigFile, rng: np.random.Generator) -> Tensor:
    """Return float32 (N_SPECIAL + n_words, dim): the words' vectors, and uniform −1..1 where a word has none."""
    table = rng.uniform(-1, 1, (N_SPECIAL + len(vocabulary), vectors.dim)).astype(np.float32)
    known = [word for word in vocabulary if word in vectors]
    if known:
        table[[vocabulary[word] for word in known]] = vectors.get(known)
    return torch.from_numpy(table)


def pair_batches(
    data: CaptionedVideos, vocabulary: dict[str, int], batch_size: int, rng: np.random.Generator, device: torch.device
) -> Iterator[PairBatch]:
    """Give all training pairs once, in an order drawn by `rng`; a last pair that would stand alone joins the others."""
    numbers = {video: k for k, video in enumerate(dict.fromkeys(caption.video for caption in data.train))}
    order = rng.permutation(len(data.train))
    stops = [*range(batch_size, len(order) - 1, batch_size), len(order)]  # BatchNorm has no variance of one row
    for start, stop in zip([0, *stops], stops, strict=False):
        pairs = [data.train[k] for k in order[start:stop]]
        videos = torch.tensor([numbers[pair.video] for pair in pairs], device=device)
        frames = padded_frames([pair.video for pair in pairs], data, device)
        yield PairBatch(*frames, *padded_words(pairs, vocabulary, device), videos)


def padded_frames(videos: Sequence[str], data: CaptionedVideos, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the frames of videos, float32 (B, T, W), zero after a video's end, and how many they are, (B,)."""
    ids = [data.frames[video] for video in videos]
    lengths = torch.tensor([len(of_video) for of_video in ids])
    frames = torch.zeros(len(videos), int(lengths.max()), data.features.dim)
    inside = torch.arange(frames.shape[1]) < lengths[:, None]
    frames[inside] = torch.from_numpy(data.features.get([frame for of_video in ids for frame in of_video]))
    return frames.to(device), lengths


def padded_words(captions: Sequence[Caption], vocabulary: dict[str, int], device: torch.device):
    """Return word ids (B, L) of START, the words and END, PAD after a caption's end, and how many they are, (B,)."""
    ids = [[START, *(vocabulary.get(word, UNKNOWN) for word in caption.words), END] for caption in captions]
    lengths = torch.tensor([len(of_caption) for of_caption in ids])
    most = int(lengths.max())
    words = torch.tensor([of_caption + [PAD] * (most - len(of_caption)) for of_caption in ids])
    return words.to(device), lengths
