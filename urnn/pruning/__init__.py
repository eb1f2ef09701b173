"""Smaller recurrent nets: units and inputs that a net can do without are found while it trains, then cut out.

`NeuronSelection` is Wen et al. 2019 (arXiv 1906.06847). It wraps an nn.LSTM, is called like it, and is made small
for real by `compact`. Nothing here needs the trainer.
"""

from urnn.pruning.compaction import Compacted
from urnn.pruning.gates import HardConcrete
from urnn.pruning.neurons import NeuronSelection
from urnn.pruning.stacked import StackedLSTM

__all__ = ["Compacted", "HardConcrete", "NeuronSelection", "StackedLSTM"]
