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
    """Pairs of a video and a caption; frames and words are padded to the longest of the batch."""

    frames: Tensor  # (B, T, W)
    n_frames: Tensor  # (B,)
    words: Tensor  # (B, L)
    n_words: Tensor  # (B,)
    videos: Tensor  # (B,), number of the video: the same for all its captions


def vocabulary_of(captions: Iterable[Caption], min_count: int) -> dict[str, int]:
    """Return word → id of words that occur at least `min_count` times; ids from `N_SPECIAL`, by first occurrence."""
    counts = Counter(word for caption in captions for word in caption.words)
    words = [word for word, count in counts.items() if count >= min_count]
    return {word: number for number, word in enumerate(words, start=N_SPECIAL)}


def word_embedding(vocabulary: dict[str, int], vectors: BigFile, rng: np.random.Generator) -> Tensor:
    """Return float32 (N_SPECIAL + n_words, dim): each word's vector, or uniform random numbers in −1..1 without one."""
    table = rng.uniform(-1, 1, (N_SPECIAL + len(vocabulary), vectors.dim)).astype(np.float32)
    known = [word for word in vocabulary if word in vectors]
    if known:
        table[[vocabulary[word] for word in known]] = vectors.get(known)
    return torch.from_numpy(table)


def pair_batches(
    data: CaptionedVideos, vocabulary: dict[str, int], batch_size: int, rng: np.random.Generator, device: torch.device
) -> Iterator[PairBatch]:
    """Yield all training pairs once, in an order drawn by `rng`; a single last pair is added to the batch before it."""
    numbers = {video: k for k, video in enumerate(dict.fromkeys(caption.video for caption in data.train))}
    order = rng.permutation(len(data.train))
    stops = [
        *range(batch_size, len(order) - 1, batch_size),
        len(order),
    ]  # one row has no variance for BatchNorm
    for start, stop in zip([0, *stops], stops, strict=False):
        pairs = [data.train[k] for k in order[start:stop]]
        videos = torch.tensor([numbers[pair.video] for pair in pairs], device=device)
        frames = padded_frames([pair.video for pair in pairs], data, device)
        yield PairBatch(*frames, *padded_words(pairs, vocabulary, device), videos)


def padded_frames(videos: Sequence[str], data: CaptionedVideos, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the frames of videos, float32 (B, T, W) with zeros after the last of each, and their number, (B,)."""
    ids = [data.frames[video] for video in videos]
    lengths = torch.tensor([len(of_video) for of_video in ids])
    frames = torch.zeros(len(videos), int(lengths.max()), data.features.dim)
    inside = torch.arange(frames.shape[1]) < lengths[:, None]
    frames[inside] = torch.from_numpy(data.features.get([frame for of_video in ids for frame in of_video]))
    return frames.to(device), lengths


def padded_words(
    captions: Sequence[Caption], vocabulary: dict[str, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the ids (B, L) of START, the words and END, then PAD, and their number without padding, (B,)."""
    ids = [[START, *(vocabulary.get(word, UNKNOWN) for word in caption.words), END] for caption in captions]
    lengths = torch.tensor([len(of_caption) for of_caption in ids])
    most = int(lengths.max())
    words = torch.tensor([of_caption + [PAD] * (most - len(of_caption)) for of_caption in ids])
    return words.to(device), lengths
