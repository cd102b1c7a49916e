"""What BERT reads and what it has to guess. Built step by step in notebook 12.

Shapes: B texts in the batch, T tokens, P positions that are predicted in a row, V vocabulary.
"""

import functools

import keras
import numpy as np

# ids 0 to 4 of a vocabulary made here; a published one has its own
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def pack_segments(
    first: list[int], second: list[int] | None, cls_id: int, sep_id: int, sequence_length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out one text or two as BERT reads them: [CLS] first [SEP] second [SEP] [PAD] ...

    What is too long loses tokens at the end of the longer text. Return token ids, segment ids (0 up
    to the first [SEP], then 1) and padding mask (True on tokens), each of shape (T,).

    Example:
        >>> pack_segments([7, 8], [9], 1, 2, 7)[0].tolist()
        [1, 7, 8, 2, 9, 2, 0]
    """
    parts = [list(first)] + ([] if second is None else [list(second)])
    room = sequence_length - 1 - len(parts)
    if room < 0:
        raise ValueError(
            f"[CLS] and {len(parts)} [SEP] do not fit into sequence_length={sequence_length}; "
            f"it must be at least {1 + len(parts)}"
        )
    while sum(map(len, parts)) > room:
        max(parts, key=len).pop()
    token_ids, segment_ids = [cls_id], [0]
    for segment, part in enumerate(parts):
        token_ids += [*part, sep_id]
        segment_ids += [segment] * (len(part) + 1)
    padding_mask = np.arange(sequence_length) < len(token_ids)
    padding = [0] * (sequence_length - len(token_ids))
    return np.array(token_ids + padding), np.array(segment_ids + padding), padding_mask


def mask_tokens(
    token_ids: np.ndarray,
    special_ids: dict[str, int],
    vocabulary_size: int,
    random: np.random.Generator,
    *,
    share: float = 0.15,
    hidden: float = 0.8,
    swapped: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose tokens to be predicted, and hide most of them (Devlin et al. 2019, section 3.1).

    Each ordinary token is chosen with probability `share`. Of the chosen ones the share `hidden`
    becomes [MASK], the share `swapped` another token drawn at random, the rest stays. Special
    tokens, whose ids `special_ids` has by name, are neither chosen nor drawn. Return what the model
    reads, shape (B, T); and which tokens were chosen, boolean, (B, T).
    """
    special = list(special_ids.values())
    ordinary = np.setdiff1d(np.arange(vocabulary_size), special)
    chosen = (random.random(token_ids.shape) < share) & ~np.isin(token_ids, special)
    fate = random.random(token_ids.shape)
    drawn = random.choice(ordinary, token_ids.shape)
    inputs = np.where(chosen & (fate < hidden + swapped), drawn, token_ids)
    inputs = np.where(chosen & (fate < hidden), special_ids["[MASK]"], inputs)
    return inputs, chosen


class MaskedBatches(keras.utils.PyDataset):
    """Batches for masked language modelling (Liu et al. 2019, RoBERTa, section 4.1).

    A batch is ((inputs, places), targets, weights): what the model reads (B, T), which
    places it must predict (B, P), the right tokens there (B, P), and weights of mean 1 that
    are 0 where a row has fewer places than P. Of a row with more, the rest is not counted.

    Args:
        token_ids: shape (N, T), 0 = padding; the rest is as for `mask_tokens`.
        dynamic: draw the masks anew for each epoch (RoBERTa), or once for all (static).
        shuffle: change the order of the rows each epoch.
        num_positions: P; half as many again as are to be expected if None.
    """

    def __init__(
        self, token_ids, special_ids, vocabulary_size, *,
        batch_size: int = 64, dynamic: bool = True, shuffle: bool = True,
        num_positions: int | None = None, seed: int = 0, **options,
    ):  # fmt: skip
        super().__init__()
        self.token_ids, self.batch_size = token_ids, batch_size
        self.dynamic, self.shuffle = dynamic, shuffle
        self.random, self.order = np.random.default_rng(seed), np.arange(len(token_ids))
        expected = options.get("share", 0.15) * token_ids.shape[1]
        self.num_positions = num_positions or 1 + int(1.5 * expected)
        self.draw = functools.partial(
            mask_tokens, token_ids, special_ids, vocabulary_size, self.random, **options
        )
        self.inputs, self.chosen = self.draw()
        self.on_epoch_end(first=True)

    def on_epoch_end(self, first: bool = False):
        if self.dynamic and not first:
            self.inputs, self.chosen = self.draw()
        if self.shuffle:
            self.random.shuffle(self.order)

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        # chosen places first, in their order
        places = np.argsort(~self.chosen[rows], axis=1, kind="stable")[:, : self.num_positions]
        targets = np.take_along_axis(self.token_ids[rows], places, axis=1)
        weights = np.take_along_axis(self.chosen[rows], places, axis=1).astype("float32")
        weights *= weights.size / max(1, weights.sum())
        return (self.inputs[rows], places.astype("int32")), targets, weights
