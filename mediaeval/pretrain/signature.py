"""Training the signature network (feature S) on captioned videos: Dong et al. 2019, Galanopoulos and Mezaris 2020.

A video and its captions are brought close to each other in one space, other pairs of a batch apart. The visual branch
is kept. The authors' model of four datasets (MSR-VTT, TGIF, VATEX and ActivityNet, about 680,000 pairs) is not
published. Their text branch also reads BERT's word vectors and has an attention layer; this one does not.

B pairs, V held-out videos, C their captions, D the width of the space.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mediaeval.errors import ConfigError
from mediaeval.features.networks.dual_encoding import TextEncoder, VisualEncoder
from mediaeval.pretrain.captions import CaptionedVideos, read_captioned_videos
from mediaeval.pretrain.objective import PretrainObjective
from mediaeval.pretrain.pairs import PairBatch, padded_frames, padded_words, pair_batches, vocabulary_of, word_embedding
from mediaeval.pretrain.settings import SignatureSettings
from mediaeval.seeding import seeded
from mediaeval.training.objective import EpochMetrics, all_finite, epoch_rng

RANKS = (1, 5, 10)
EMBEDDING = 500  # width of the words' vectors if the folder has none, as in the public code
_CHUNK = 1000  # rows of a matrix of scores at a time

ItemT = TypeVar("ItemT")


class SignatureObjective(PretrainObjective[PairBatch]):
    """Both branches, trained with a triplet loss on captioned videos (see `captions`); the visual one is written.

    The history has recalls of each epoch, in per cent. text_R5: captions whose video is among the 5 nearest videos;
    video_R5: videos with one of their captions among the 5 nearest captions; and likewise for 1 and 10. `recall` is the
    sum of all six, 0..600; the weights of its best epoch are written. `load_visual` reads them. The loss is a sum over
    each batch.
    """

    best = "recall"

    def __init__(self, folder: Path, settings: SignatureSettings, *, seed: int, device: torch.device):
        self.settings, self.seed, self.device, self.clip = settings, seed, device, settings.clip
        self.data = read_captioned_videos(folder, feature=settings.feature, val=settings.val, seed=seed)
        data = self.data
        self.vocabulary = vocabulary_of(data.train, settings.min_count)
        if not self.vocabulary:
            raise ConfigError(f"{folder}: no word occurs {settings.min_count} times in the captions. Lower min_count.")

        n_words = len(self.vocabulary)
        embedding = data.word_vectors.dim if data.word_vectors else EMBEDDING
        with seeded(seed, torch.device("cpu")):  # drawn on the CPU, so that every device starts from the same weights
            filters, space, dropout = settings.filters, settings.space, settings.dropout
            visual = VisualEncoder(data.features.dim, settings.hidden, filters=filters, space=space, dropout=dropout)
            text = TextEncoder(n_words, embedding, settings.hidden, filters=filters, space=space, dropout=dropout)
        if data.word_vectors:
            vectors = word_embedding(self.vocabulary, data.word_vectors, np.random.default_rng(seed))
            text.embed.weight.data.copy_(vectors)
        self.visual, self.text = visual.to(device), text.to(device)
        self.modules = {"visual": self.visual, "text": self.text}
        self.optimiser = torch.optim.Adam([*self.visual.parameters(), *self.text.parameters()], lr=settings.lr)
        self.metadata = {
            "network": "dual encoding, visual branch",
            "feature": f"{data.feature}, width {data.features.dim}",
            "pairs": f"{len(data.train)} for training, {len(data.val)} for validation",
            "vocabulary": f"{n_words} words that occur {settings.min_count} times or more",
            "word_vectors": f"width {embedding}" if data.word_vectors else "none",
            "hidden": str(settings.hidden),
            "filters": str(settings.filters),
            "space": str(settings.space),
            "lr": f"{settings.lr:g}, × 0.99 an epoch, halved on a plateau",
            "batch_size": str(settings.batch_size),
            "loss": f"triplet, margin {settings.margin:g}, hardest negative",
            "dropout": f"{settings.dropout:g}",
            "clip": f"{settings.clip:g}",
        }

    def batches(self, epoch: int) -> Iterator[PairBatch]:
        return pair_batches(
            self.data, self.vocabulary, self.settings.batch_size, epoch_rng(self.seed, epoch), self.device
        )

    def loss(self, batch: PairBatch) -> Tensor:
        same = batch.videos[:, None] == batch.videos
        visual, text = self.visual(batch.frames, batch.n_frames), self.text(batch.words, batch.n_words)
        return triplet_loss(visual, text, same, self.settings.margin)

    def size(self, batch: PairBatch) -> int:
        return len(batch.videos)

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return rate(self.settings.lr, [metrics["recall"] for metrics in history])

    def weights(self) -> Mapping[str, Tensor]:
        return self.visual.state_dict()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        return validate(self.visual, self.text, self.data, self.vocabulary, self.settings.batch_size, self.device)


def rate(lr: float, scores: Sequence[float]) -> float:
    """Return the learning rate of the epoch that follows epochs with these validation scores.

    As in the public code, the rate is multiplied by 0.99 after every epoch, and halved after an epoch that is not a new
    best if the last halving is at least 3 epochs ago.
    """
    best, kept = 0.0, 0
    for score in scores:
        lr, kept = lr * 0.99, kept + 1
        if score > best:
            best = score
        elif kept >= 3:
            lr, kept = lr / 2, 0
    return lr


def triplet_loss(visual: Tensor, text: Tensor, same: Tensor, margin: float) -> Tensor:
    """Return Σ_i [margin + hardest text − own]₊ + [margin + hardest video − own]₊ over the pairs of a batch.

    visual, text   (B, D), of unit length, so that products are cosines; row i of one belongs to row i of the other
    same           (B, B) bool: whether two pairs, or a pair and itself, are of one video and so not negatives. In the
                   public code the captions of one video are negatives of each other.
    """
    scores = visual @ text.T  # (videos, captions)
    own = scores.diagonal()
    negatives = scores.masked_fill(same, -torch.inf)
    return ((margin + negatives.amax(dim=1) - own).relu() + (margin + negatives.amax(dim=0) - own).relu()).sum()


def validate(
    visual: VisualEncoder,
    text: TextEncoder,
    data: CaptionedVideos,
    vocabulary: dict[str, int],
    batch_size: int,
    device: torch.device,
) -> dict[str, float]:
    """Return the recalls of the held-out videos and captions; the networks are in eval mode. See `recalls`."""
    numbers = {video: k for k, video in enumerate(dict.fromkeys(caption.video for caption in data.val))}
    videos = list(numbers)
    V = torch.cat([visual(*padded_frames(part, data, device)) for part in _parts(videos, batch_size)])
    C = torch.cat([text(*padded_words(part, vocabulary, device)) for part in _parts(data.val, batch_size)])
    all_finite(V, "vectors of held-out videos")
    all_finite(C, "vectors of held-out captions")
    return recalls(V, C, torch.tensor([numbers[caption.video] for caption in data.val], device=device))


def recalls(videos: Tensor, captions: Tensor, owner: Tensor) -> dict[str, float]:
    """Return the recalls at 1, 5 and 10 in both directions, in per cent, and `recall`, their sum, 0..600.

    videos    (V, D), of unit length
    captions  (C, D), of unit length
    owner     (C,), the row of each caption's video; each video has at least one caption

    A tie counts as a miss, so a network that returns the same vector for everything has a recall of 0.
    """
    text_ranks, video_ranks = [], []
    for part, own in zip(captions.split(_CHUNK), owner.split(_CHUNK), strict=True):
        scores = part @ videos.T
        text_ranks.append((scores >= scores.gather(1, own[:, None])).sum(dim=1))
    for part, rows in zip(videos.split(_CHUNK), torch.arange(len(videos)).split(_CHUNK), strict=True):
        scores = part @ captions.T
        own = owner == rows.to(owner.device)[:, None]
        best = scores.masked_fill(~own, -torch.inf).amax(dim=1, keepdim=True)
        video_ranks.append(((scores >= best) & ~own).sum(dim=1) + 1)
    found = {
        f"{side}_R{k}": 100 * (torch.cat(ranks) <= k).double().mean().item()
        for side, ranks in (("text", text_ranks), ("video", video_ranks))
        for k in RANKS
    }
    return found | {"recall": sum(found.values())}


def _parts(items: list[ItemT], size: int) -> Iterator[list[ItemT]]:
    return (items[start : start + size] for start in range(0, len(items), size))
