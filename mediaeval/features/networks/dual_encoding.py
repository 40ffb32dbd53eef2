"""Dual encoding of videos and captions into one space: feature S, the "signature", is the visual branch.

Dong et al. 2019, "Dual encoding for zero-example video retrieval", with the attention of Galanopoulos and Mezaris 2020;
layers and key names are those of their code (danieljf24/dual_encoding, bmezaris/AVS_dual_encoding_attention_network),
so that their checkpoints load. Three levels of a sequence, concatenated in the order of the code, then a linear layer,
BatchNorm and unit length:

    level 2    mean of the states of a bidirectional GRU, each weighted by the attention         2 · hidden
    level 3    convolutions over the weighted states, ReLU, the maximum over positions           kernels × filters
    level 1    mean of the frames; of a caption, how often it has each word of the vocabulary    width, n_words

Where ours differs from the public code: there the visual GRU runs over the zeros that pad a batch to its longest video,
and convolutions also read positions of zeros alone, so a vector depends on its batch. Here both see the true frames and
nothing else. For one video at a time, and so for an image, the result is the same.

B videos or captions, T frames or words (a caption's with its two ends), W the width of a frame.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mediaeval.errors import WeightsError, choose, first_few
from mediaeval.weights.read import load_state

MOST_FRAMES = 64  # of a video that the GRU sees; level 1 sees all
ATTENTIONS = ("time", "singleton", None)
PAD, START, END, UNKNOWN = range(4)  # the ids before the vocabulary's own, as in the public code
N_SPECIAL = 4


class Attention(nn.Module):
    """(B, T, width) → a score for each state, (B, T)."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, 1)
        for layer in (self.fc1, self.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, states: Tensor) -> Tensor:
        return self.fc2(self.fc1(states).tanh()).squeeze(2)


class CommonSpace(nn.Module):
    """(B, width) → the common space (B, space), not yet of unit length."""

    def __init__(self, width: int, space: int, dropout: float):
        super().__init__()
        self.fc1 = nn.Linear(width, space)
        self.bn_1 = nn.BatchNorm1d(space)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.fc1.weight)
        nn.init.zeros_(self.fc1.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.bn_1(self.fc1(x)))


def convolutions(kernels: Sequence[int], filters: int, width: int) -> nn.ModuleList:
    """Return one convolution per kernel height, padded so that a sequence of one state meets every row of a kernel."""
    return nn.ModuleList(nn.Conv2d(1, filters, (rows, width), padding=(rows - 1, 0)) for rows in kernels)


def mask_of(lengths: Tensor, most: int) -> Tensor:
    """Return bool (B, most), True where a position is within its sequence of `lengths` (B,)."""
    return torch.arange(most, device=lengths.device) < lengths[:, None]


def gru_states(rnn: nn.GRU, x: Tensor, lengths: Tensor) -> Tensor:
    """Return the states of both directions, (B, T, 2 · hidden), zero after a sequence's end; x is (B, T, W)."""
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def largest_responses(convs: nn.ModuleList, states: Tensor, lengths: Tensor) -> Tensor:
    """Return level 3, (B, kernels × filters): of each filter the largest ReLU response over a sequence's positions.

    A position counts when its kernel covers at least one true state: L + rows − 1 positions for L states.
    """
    found = []
    for conv in convs:
        assert isinstance(conv, nn.Conv2d), "see `convolutions`"
        response = conv(states.unsqueeze(1)).relu().squeeze(3)  # (B, filters, T + rows − 1)
        valid = mask_of(lengths + conv.kernel_size[0] - 1, response.shape[2])
        # 0 is the least value of a ReLU, so it changes no maximum
        found.append((response * valid.unsqueeze(1)).amax(dim=2))
    return torch.cat(found, dim=1)


class VisualEncoder(nn.Module):
    """Frames (B, T, W), lengths (B,) → signatures (B, space), float32 of unit length.

    width            of a frame vector
    hidden           units of the GRU in each direction
    kernels          heights of the convolutions' kernels, in frames
    filters          of each height
    space            width of the signature
    dropout          share of units dropped in training, 0..1: after level 2, level 3 and the mapping
    attention_axis   what the attention's softmax is over; for T = 1 all three give the same vector:
                     "time"       a video's true frames. Weights are multiplied by their number, so that their mean is
                                  1: level 2 is the weighted sum that the paper describes, and level 3 reads weighted
                                  states that do not fade as a video grows longer. Equal scores give "singleton".
                     "singleton"  the last axis, of size 1, as in the public code: every weight is exactly 1, whatever
                                  the attention layer holds. It is kept and loaded, but changes nothing.
                     None         no attention layer (danieljf24/dual_encoding)
    reduced          without level 1 in the concatenation (`--concate reduced` of the public code)
    normalise        bring each frame to unit length first; a frame of zeros stays. danieljf24/dual_encoding does not.

    With the defaults: rnn 18,886,656 parameters, attention 4,198,401, convolutions 14,682,112, mapping 12,584,960 and
    4,096 of its BatchNorm.
    """

    def __init__(
        self,
        width: int = 2048,
        hidden: int = 1024,
        kernels: Sequence[int] = (2, 3, 4, 5),
        filters: int = 512,
        space: int = 2048,
        *,
        dropout: float = 0.2,
        attention_axis: str | None = "time",
        reduced: bool = False,
        normalise: bool = True,
    ):
        super().__init__()
        assert attention_axis in ATTENTIONS, f"attention_axis {attention_axis!r} is none of {ATTENTIONS}"
        self.attention_axis, self.reduced, self.normalise = attention_axis, reduced, normalise
        self.frame_width, self.space = width, space
        self.rnn = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        if attention_axis is not None:
            self.atten = Attention(2 * hidden)
        self.convs1 = convolutions(kernels, filters, 2 * hidden)
        concat = 2 * hidden + len(kernels) * filters + (0 if reduced else width)
        self.visual_mapping = CommonSpace(concat, space, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Encode videos; rows of `frames` after a video's length (1 or more) may hold any finite numbers."""
        lengths = lengths.to(frames.device)
        frames = frames * mask_of(lengths, frames.shape[1]).unsqueeze(2)
        if self.normalise:
            frames = normalize(frames, dim=2)
        mean = frames.sum(dim=1) / lengths[:, None]

        seen = lengths.clamp(max=MOST_FRAMES)
        states = gru_states(self.rnn, frames[:, :MOST_FRAMES], seen)  # (B, T, 2 · hidden)
        states = states * self._weights(states, seen).unsqueeze(2)
        level2 = self.dropout(states.sum(dim=1) / seen[:, None])
        level3 = self.dropout(largest_responses(self.convs1, states, seen))
        levels = [level2, level3] if self.reduced else [level2, level3, mean]
        return normalize(self.visual_mapping(torch.cat(levels, dim=1)), dim=1)

    def _weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return the attention's weights (B, T): 0 after a video's end, their mean over its frames 1."""
        inside = mask_of(lengths, states.shape[1])
        if self.attention_axis != "time":
            return inside.to(states.dtype)
        scores = self.atten(states).masked_fill(~inside, -torch.inf)
        return scores.softmax(dim=1) * lengths[:, None]


class TextEncoder(nn.Module):
    """Word ids (B, T), lengths (B,) → vectors (B, space) of unit length in the signatures' space.

    Ids 0 to 3 are PAD, START, END and UNKNOWN, then come the vocabulary's `n_words`; a caption is START, its words,
    END. Keys: `embed.*`, `rnn.*`, `convs1.*`, `text_mapping.*`, as in danieljf24/dual_encoding. It is needed only to
    train the visual branch. BERT's word vectors and the attention layer of Galanopoulos and Mezaris are left out.
    """

    def __init__(
        self,
        n_words: int,
        embedding: int = 500,
        hidden: int = 1024,
        kernels: Sequence[int] = (2, 3, 4),
        filters: int = 512,
        space: int = 2048,
        *,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.n_words = n_words
        self.embed = nn.Embedding(N_SPECIAL + n_words, embedding)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)  # where there are no word vectors, as in the public code
        self.rnn = nn.GRU(embedding, hidden, batch_first=True, bidirectional=True)
        self.convs1 = convolutions(kernels, filters, 2 * hidden)
        self.text_mapping = CommonSpace(2 * hidden + len(kernels) * filters + n_words, space, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Encode captions; ids after a caption's length (1 or more) may be any."""
        lengths = lengths.to(words.device)
        inside = mask_of(lengths, words.shape[1])
        states = gru_states(self.rnn, self.embed(words), lengths)
        level2 = self.dropout(states.sum(dim=1) / lengths[:, None])
        level3 = self.dropout(largest_responses(self.convs1, states, lengths))
        counts = torch.zeros(len(words), N_SPECIAL + self.n_words, dtype=states.dtype, device=words.device)
        counts.scatter_add_(1, words, inside.to(states.dtype))
        levels = torch.cat([level2, level3, counts[:, N_SPECIAL:]], dim=1)
        return normalize(self.text_mapping(levels), dim=1)


def load_visual(
    state: Mapping[str, Tensor],
    owner: str,
    source: Path | str,
    *,
    attention_axis: str | None = None,
    normalise: bool | None = None,
) -> VisualEncoder:
    """Return the visual branch in eval mode, with weights of a checkpoint and sizes read from its tensors.

    `state`: the tensors of a `model_best.pth.tar` of either public repository, whose list [visual, text] became keys
    that begin with `0.` and `1.` (the text branch is dropped), or those of a visual branch alone. `owner`, such as
    "extractor 'signature'", and `source`, the file, are for messages.

    What tensors do not tell follows from the layout unless it is given:
    attention_axis   with `atten.*`: "singleton" for a list (only the public code writes one), "time" otherwise;
                     without, there is no attention, whatever is given
    normalise        False for a list without `atten.*` whose text branch has `embed.weight`: danieljf24/dual_encoding
                     feeds frames as they are. True otherwise.

    Raises ConfigError for an axis of another name, and WeightsError that shows missing keys, unknown keys and other
    shapes, all at once.
    """
    if attention_axis is not None:
        choose("attention_axis", attention_axis, ("time", "singleton"))
    as_list = any(key.startswith("0.") for key in state)
    visual = {key.removeprefix("0."): value for key, value in state.items() if not (as_list and key.startswith("1."))}
    has_attention = any(key.startswith("atten.") for key in visual)
    if normalise is None:
        normalise = has_attention or not (as_list and "1.embed.weight" in state)
    axis = (attention_axis or ("singleton" if as_list else "time")) if has_attention else None

    n_kernels = len({key.split(".")[1] for key in visual if key.startswith("convs1.")})
    giving_sizes = {"rnn.weight_ih_l0": 2, "rnn.weight_hh_l0": 2, "visual_mapping.fc1.weight": 2}
    giving_sizes |= {f"convs1.{place}.weight": 4 for place in range(max(n_kernels, 1))}
    wrong = [
        f"{key}: got {tuple(visual[key].shape) if key in visual else 'no such key'}; expected {axes} axes"
        for key, axes in giving_sizes.items()
        if key not in visual or visual[key].ndim != axes or 0 in visual[key].shape
    ]
    if wrong:
        raise WeightsError(
            f"{owner}: {source} is not the visual branch of a dual encoding network.",
            f"  {first_few(wrong)}",
            f"  keys in the file: {first_few(sorted(state)) or 'none'}",
            "  expected: model_best.pth.tar of danieljf24/dual_encoding or of "
            "bmezaris/AVS_dual_encoding_attention_network, or a file that `mediaeval pretrain signature` wrote",
        )
    hidden, width = visual["rnn.weight_hh_l0"].shape[1], visual["rnn.weight_ih_l0"].shape[1]
    kernels = [visual[f"convs1.{place}.weight"].shape[2] for place in range(n_kernels)]
    filters = visual["convs1.0.weight"].shape[0]
    space, concat = visual["visual_mapping.fc1.weight"].shape
    with torch.device("meta"):  # shapes without memory, for now
        network = VisualEncoder(
            width,
            hidden,
            kernels,
            filters,
            space,
            attention_axis=axis,
            reduced=concat == 2 * hidden + n_kernels * filters,
            normalise=normalise,
        )
    # Sizes of a damaged file may ask for any amount of memory: no more is taken than the file has numbers. A network
    # that needs more has other shapes, which `load_state` reports.
    if _numbers(network.state_dict()) <= _numbers(visual) + 1:  # 1: BatchNorm's counter, which PyTorch 0.3 did not save
        network.to_empty(device="cpu")
        counter = network.visual_mapping.bn_1.num_batches_tracked
        assert counter is not None, "BatchNorm counts its batches"
        counter.zero_()
    load_state(network, visual, owner, source)
    return network.eval()


def _numbers(state: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in state.values())
