"""The adding problem (Hochreiter, Schmidhuber 1997; as set in Arjovsky, Shah, Bengio 2015, section 5.2).

Two of a sequence's numbers are marked, and the answer is their sum: real values have to be remembered exactly.
"""

import torch
from torch import Tensor

from urnn.shapes import Float

TOLERANCE = 0.04  # an answer this close is right, as Hochreiter and Schmidhuber count


class Adding:
    """Sequences of `length` pairs: a number from U(0, 1), and a marker that is 1 once in each half, else 0.

    Attributes:
        input_size: 2, the number and the marker.
        output_size: 1, the sum of the two marked numbers.
        baseline: the loss of always answering 1: the variance of the sum of two U(0, 1), 1/6.
        baseline_score: how often that answer is right: the sum's density is 1 - |s - 1|.

    Raises:
        ValueError: a length below 2.

    Example:
        >>> import torch
        >>> from urnn.tasks import Adding
        >>> task = Adding(length=100)
        >>> x, target = task.sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([100, 20, 2]), torch.Size([20]))
        >>> x[..., 1].sum(0)[:3]  # two markers in each sequence
        tensor([2., 2., 2.])
        >>> task.score(target.unsqueeze(-1), target)
        1.0
    """

    input_size = 2
    output_size = 1
    loss_name = "mean squared error"
    score_name = f"answers within {TOLERANCE}"
    baseline = 1 / 6
    baseline_score = 1 - (1 - TOLERANCE) ** 2
    score_all = None

    def __init__(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length must be at least 2 time steps, one for each marked number, got {length}")
        self.length = length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Float[Tensor, " B"]]:
        """Inputs and the sums, both float32."""
        numbers = torch.rand(self.length, batch, generator=generator)
        half = self.length // 2
        first = torch.randint(half, (1, batch), generator=generator)
        second = torch.randint(half, self.length, (1, batch), generator=generator)
        marked = torch.cat([first, second])
        markers = torch.zeros(self.length, batch).scatter_(0, marked, 1.0)
        return torch.stack([numbers, markers], dim=-1), numbers.gather(0, marked).sum(0)

    def loss(self, answers: Float[Tensor, "B 1"], target: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Mean squared error over the batch."""
        return torch.nn.functional.mse_loss(answers.squeeze(-1), target)

    def score(self, answers: Float[Tensor, "B 1"], target: Float[Tensor, " B"]) -> float:
        """Share of the answers that are within 0.04 of the sum."""
        return float(((answers.squeeze(-1) - target).abs() <= TOLERANCE).double().mean())

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "B features"]:
        """What the read-out looks at, of a model's output and its last step: the last step."""
        return last
