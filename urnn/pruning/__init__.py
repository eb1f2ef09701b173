"""Smaller recurrent nets: units and inputs that a net can do without are found while it trains, then cut out.

`NeuronSelection` is Wen et al. 2019 (arXiv 1906.06847); `MagnitudePruning` and `GroupLasso` are what it is
compared with. All wrap an nn.LSTM, are called like it, and are made small for real by `compact`. Nothing here
needs the trainer.
"""

from urnn.pruning.baselines import GroupLasso, MagnitudePruning
from urnn.pruning.compaction import Compacted
from urnn.pruning.gates import HardConcrete
from urnn.pruning.neurons import NeuronSelection
from urnn.pruning.stacked import StackedLSTM
from urnn.pruning.unitary import ContractedRNN, NotUnitaryWarning, UnitarySelection

__all__ = [
    "Compacted",
    "ContractedRNN",
    "GroupLasso",
    "HardConcrete",
    "MagnitudePruning",
    "NeuronSelection",
    "NotUnitaryWarning",
    "StackedLSTM",
    "UnitarySelection",
]
