"""What the uRNN is compared with where torch.nn has no class of that name."""

from urnn.baselines.irnn import IRNN
from urnn.baselines.lru import LRU
from urnn.baselines.mingru import MinGRU
from urnn.baselines.orthogonal import OrthogonalRNN
from urnn.baselines.orthogonal_modrelu import OrthogonalModReLURNN
from urnn.baselines.residual import ResidualBlocks
from urnn.baselines.unitary_dense import EUNN, FullCapacityURNN

__all__ = [
    "EUNN",
    "IRNN",
    "LRU",
    "FullCapacityURNN",
    "MinGRU",
    "OrthogonalModReLURNN",
    "OrthogonalRNN",
    "ResidualBlocks",
]
