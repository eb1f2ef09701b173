"""Unitary Evolution RNN: a recurrent layer whose hidden-to-hidden matrix is exactly unitary."""

from urnn.rnn import URNN
from urnn.unitary import UnitaryMatrix

__all__ = ["URNN", "UnitaryMatrix"]
__version__ = "0.1.0"
