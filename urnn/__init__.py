"""Unitary Evolution RNN: a recurrent layer whose hidden-to-hidden matrix is exactly unitary."""

from urnn.cell import URNNCell
from urnn.rnn import URNN
from urnn.unitary import UnitaryMatrix

__all__ = ["URNN", "URNNCell", "UnitaryMatrix"]
__version__ = "0.1.0"
