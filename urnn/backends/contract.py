"""The contract of a backend: the tensors of a layer as one type, and the function that every backend is.

A size such as {2*parameters.n} is taken from the argument of that name, which ties the width of a state to the
number of units. Shapes are checked while the tests run.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from urnn.shapes import Float, Int


class Parameters(NamedTuple):
    """All that one layer in one direction is made of; n complex units, m inputs.

    A tuple and no more, because a stream makes one at every step.

    Attributes:
        theta: angles of the diagonals D1, D2 and D3.
        v: vectors of the reflections R1 and R2 as [Re; Im], of any length but 0.
        permutation: Pi, (Pi h)_k = h_permutation[k].
        V: the input matrix, rows of the real parts above those of the imaginary parts.
        b: biases of modReLU.
        epsilon: added to modReLU's divisor; 0 in the paper.
    """

    theta: Float[Tensor, "3 n"]
    v: Float[Tensor, "2 2*n"]
    permutation: Int[Tensor, " n"]
    V: Float[Tensor, "2*n m"]
    b: Float[Tensor, " n"]
    epsilon: float

    @property
    def n(self) -> int:
        return self.b.shape[0]

    @property
    def m(self) -> int:
        return self.V.shape[1]


# Of T time steps and B samples. A state is its real parts, then its imaginary parts: [Re h ; Im h].
Input = Float[Tensor, "T B {parameters.m}"]
State = Float[Tensor, "B {2*parameters.n}"]
States = Float[Tensor, "T B {2*parameters.n}"]


@runtime_checkable
class RunSequence(Protocol):
    """Runs a layer over a sequence: h_t = modReLU(W h_{t-1} + V x_t; b) for t = 1..T, from h_0.

    Returns all states and the last one. The last stands apart so that a loss that reads it alone needs no gradient
    as large as all states.

    Every backend in the registry keeps these promises, and the tests hold each row to them:

    - The states equal those of `reference.run_sequence` up to rounding, and so do the gradients with respect to x,
      h_0, theta, v, V and b. Not every backend has second derivatives.
    - It computes in float32 or float64, whichever all tensors have, on the device of x. Some read x in float16 or
      bfloat16 beside all else in float32, and return all states in that dtype, the last state in float32.
    - It writes to none of its arguments. They may be views of any strides, h_0 one row expanded over the batch.
    - A batch of no samples gives states of no samples, and gradients of zero.
    - Arguments that do not fit raise ValueError or RuntimeError before anything is computed; see `urnn.checks`.
    - The same arguments give the same bits every time.
    """

    def __call__(self, x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]: ...
