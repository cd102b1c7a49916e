"""The models, one file for each architecture. Imports the floor and data.

`save`, `load` and `pack` keep one in a folder. The imports register with Keras what models are
made of: after `import utils.models`, Keras' own `load_model` reads them too.
"""

from utils.models import bert, classifiers, gpt2, llama, seq2seq, transformer
from utils.models.saving import load, pack, save

__all__ = ["bert", "classifiers", "gpt2", "llama", "load", "pack", "save", "seq2seq"]
__all__ += ["transformer"]
