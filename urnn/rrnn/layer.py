"""The RRNN: a tree of operations for every sample and time step, searched by a scorer, or one that is given.

Searching, each node of a tree is the softmax-weighted sum of all candidates (`growth.py`), and the structure that
is recorded is that of the best ones. Fixed, all samples and steps run one tree (`execution.py`), which is many
times as fast. The weights are the same in both stages.

Two things the paper leaves open: an input that is not as wide as the state enters through a matrix, and the scorer
has no constant at its end, which a softmax would not see.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from urnn.arguments import require_dtype, require_flag
from urnn.baselines.interface import SequenceModule, States
from urnn.checks import require_input_dtype
from urnn.quantities import require_count, require_number
from urnn.rrnn.execution import require_fits, run_tree
from urnn.rrnn.growth import Weights, grow
from urnn.rrnn.scorer import Scorer
from urnn.rrnn.structures import Structures
from urnn.rrnn.tree import CODE, Tree
from urnn.rrnn.triples import Triples
from urnn.shapes import Float, Int


class Searched(NamedTuple):
    """What a search over a sequence gives.

    Attributes:
        output: the state after every step.
        h_n: the state after the last.
        structures: the tree of every step and sample.
        margins: best minus second score at every node.
        nodes: the vectors of all nodes.

    Example:
        >>> import torch
        >>> from urnn.rrnn import RRNN
        >>> searched = RRNN(input_size=3, hidden_size=8, nodes=3).search(torch.randn(5, 2, 3))
        >>> searched.margins.shape, searched.nodes.shape
        (torch.Size([5, 2, 3]), torch.Size([5, 2, 3, 8]))
    """

    output: Float[Tensor, "T B n"]
    h_n: Float[Tensor, "one B n"]
    structures: Structures
    margins: Float[Tensor, "T B N"]
    nodes: Float[Tensor, "T B N n"]


class RRNN(SequenceModule):
    """A layer like nn.RNN whose cell is a tree of its own for every sample and step.

    Args:
        input_size, hidden_size: m and n.
        nodes: of every tree, N.
        triples: the weights (L_k, R_k, b_k) that nodes choose from, l; the fourth starts as the identity.
        scorer_size: hidden units of the scorer.
        noise: scale of the Gumbel noise on scores in training mode; 0 for none.
        batch_first, device, dtype: as in nn.RNN.

    Inputs and outputs: as of `SequenceModule`; output and state are h, real (T, B, n) and (1, B, n). The first
    state is zero. `search` gives the structures as well.

    Raises:
        TypeError, ValueError: fewer than two nodes, no triple, or another argument that is none; an input of
            another dtype than the parameters.

    Example:
        >>> import torch
        >>> from urnn.rrnn import RRNN
        >>> rnn = RRNN(input_size=3, hidden_size=8, nodes=3)
        >>> output, h_n = rnn(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 8]), torch.Size([1, 2, 8]))
        >>> len(rnn.search(torch.randn(5, 2, 3)).structures.tree(0, 1).nodes)
        3
    """

    _grow = staticmethod(grow)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nodes: int = 9,
        triples: int = 4,
        scorer_size: int = 64,
        noise: float = 0.0,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "triples": triples}
        for name, value in {**sizes, "scorer_size": scorer_size}.items():
            require_count(name, value, 1)
        require_count("nodes", nodes, 2)
        require_number("noise", noise, 0.0)
        require_flag("batch_first", batch_first)
        require_dtype(dtype or torch.get_default_dtype())
        super().__init__(input_size, batch_first)
        self._leave_out_of_graphs()
        self.hidden_size, self.nodes, self.noise = hidden_size, nodes, noise
        self.embedding = nn.Linear(input_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.triples = Triples(triples, hidden_size, device, dtype)
        self.scorer = Scorer(hidden_size, scorer_size, device, dtype)
        self._tree: Tree | None = None

    @classmethod
    def _leave_out_of_graphs(cls) -> None:
        """torch.compile does not trace a search. Here and not at import: torch._dynamo takes a second to load."""
        if cls._grow is grow:
            cls._grow = staticmethod(torch.compiler.disable(grow))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._leave_out_of_graphs()

    @staticmethod
    def parameters_of(input_size: int, hidden_size: int, triples: int = 4, scorer_size: int = 64) -> int:
        """How many parameters a layer has: the input's matrix, the triples, the scorer."""
        n = hidden_size
        return input_size * n + triples * n * (2 * n + 1) + scorer_size * (n + 2)

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}, nodes={self.nodes}"
        return shown if self._tree is None else f"{shown}, fixed={self._tree}"

    @property
    def fixed(self) -> Tree | None:
        """The tree that all samples and steps run; None while each has its own."""
        return self._tree

    def fix(self, tree: Tree | None) -> None:
        """Runs this tree from now on, or searches again where it is None.

        Raises:
            TypeError: it is no tree.
            ValueError: a tree of more triples than there are, or of another number of nodes.
        """
        if tree is not None:
            if not isinstance(tree, Tree):
                raise TypeError(f"expected a tree or None, got {type(tree).__name__}")
            require_fits(tree, len(self.triples))
            if len(tree.nodes) != self.nodes:
                raise ValueError(f"expected a tree of {self.nodes} nodes, got one of {len(tree.nodes)}: {tree}")
        self._tree = tree

    def get_extra_state(self) -> Int[Tensor, "N code"]:
        """What a state dict has beside the parameters: the codes of the tree that is fixed, or no row."""
        return torch.tensor([] if self._tree is None else self._tree.codes, dtype=torch.int64).view(-1, CODE)

    def set_extra_state(self, state: Int[Tensor, "N code"]) -> None:
        self.fix(Tree.from_codes(state.tolist()) if len(state) else None)

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], self.hidden_size),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        if self._tree is None:
            output = self._search(x, first[0]).output
        else:
            output, _ = run_tree(self._tree, self.triples, self._entering(x), first[0])
        return output, (output,)

    def search(self, x: Float[Tensor, "T B m"], h_0: Float[Tensor, "one B n"] | None = None) -> Searched:
        """The output and all that a search knows beside it, of a batch with time first, whatever is fixed.

        Raises:
            RuntimeError: input or state of the wrong shape.
            TypeError: an input or a state that is no tensor.
        """
        found: list[Searched] = []

        def run(x: Tensor, first: States) -> tuple[Tensor, States]:
            found.append(self._search(x, first[0]))
            return found[0].output, first

        self._checked(run, x, self._parts(h_0, True))
        return found[0]

    def _search(self, x: Tensor, h: Tensor) -> Searched:
        weights = self._weights()
        products = self.triples.products(self._entering(x))
        steps = []
        for t in range(len(x)):
            steps.append(self._grow(products[:, t], h, weights, self.nodes, self.noise if self.training else 0.0))
            h = steps[-1].vectors[:, -1]
        nodes, top, codes = (torch.stack(parts) for parts in zip(*steps, strict=True))
        output = nodes[:, :, -1]
        return Searched(output, output[-1:], Structures(codes), top[..., 0] - top[..., 1], nodes)

    def _entering(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B n"]:
        require_input_dtype("RRNN", x, self.embedding.weight.dtype)
        return self.embedding(x)

    def _weights(self) -> Weights:
        scorer = self.scorer
        return Weights(
            self.triples.sides, self.triples.b, scorer.hidden.weight, scorer.hidden.bias, scorer.out.weight[0]
        )
