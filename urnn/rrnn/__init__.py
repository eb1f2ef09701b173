"""RRNN: a new recurrent cell for every sample and time step (Qian, Kennedy, Klabjan 2019, arXiv 1905.10540)."""

from urnn.rrnn.gru import ResetBeforeGRU
from urnn.rrnn.layer import RRNN, Searched
from urnn.rrnn.losses import Losses
from urnn.rrnn.stages import Stages
from urnn.rrnn.structures import Structures
from urnn.rrnn.tree import GRU_TREE, Node, Tree

__all__ = ["GRU_TREE", "RRNN", "Losses", "Node", "ResetBeforeGRU", "Searched", "Stages", "Structures", "Tree"]
