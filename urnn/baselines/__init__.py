"""What the uRNN is compared with where torch.nn has no class of that name."""

from urnn.baselines.irnn import IRNN
from urnn.baselines.orthogonal import OrthogonalRNN

__all__ = ["IRNN", "OrthogonalRNN"]
