"""Small trainable matrices beside the frozen weights of a Llama (LoRA). Built in lesson 06.

Reference:
    Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, section 4.1.
"""

import keras

from utils.models.gpt2 import make_attention_mask
from utils.models.llama import Llama, LlamaBlock, compute_angles


def run_blocks(blocks: list, x, config):
    """Turn vectors (B, S, D) of whole texts into those after some blocks, compiled or not."""
    mask, positions = make_attention_mask(x.shape[1], x.shape[1])
    angles = compute_angles(positions, config)
    for block in blocks:
        x, _ = block(x, mask, angles, None, start=0)
    return x


def add_adapters(blocks: list[LlamaBlock], rank: int) -> None:
    """Let only matrices of this rank be trained, one pair beside each dense layer of the blocks."""
    for block in blocks:
        block.trainable = True
        block.attention_norm.trainable = block.feedforward_norm.trainable = False
        attention = block.attention
        for dense in (attention.query_key_value, attention.project, block.gate_and_up, block.down):
            dense.enable_lora(rank)


class LastBlocks(keras.Model):
    """The last blocks of a Llama and its output, with its own weights: (B, S, D) to (B, S, V)."""

    def __init__(self, model: Llama, count: int):
        super().__init__()
        self.config, self.blocks = model.config, model.blocks[-count:]
        self.final_norm, self.token_embedding = model.final_norm, model.token_embedding

    def call(self, x):
        """Return the logits for the vectors before these blocks."""
        x = self.final_norm(run_blocks(self.blocks, x, self.config))
        return self.token_embedding(x, reverse=True)
