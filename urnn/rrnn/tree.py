"""The structure of a cell: a binary tree whose leaves are the input x, the state h and a zero vector.

A node combines two earlier vectors s_i and s_j, i < j, with one of the cell's triples (L_k, R_k, b_k):

    f(s_i L_k + s_j R_k + b_k)          written f[k](s_i + s_j)
    f((s_i L_k) * (s_j R_k) + b_k)      written f[k](s_i * s_j), the product elementwise

f is the sigmoid, tanh, 1 - v (written "1-") or the identity (written "id"). The last node is the next state.
Vectors are numbered by their slot: 0 is x, 1 is h, 2 the zero vector, 3 the first node, and so on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LEAVES = ("x", "h", "0")
OPERATIONS = ("+", "*")
ACTIVATIONS = ("id", "sigmoid", "tanh", "1-")
ADD, MULTIPLY = range(len(OPERATIONS))
IDENTITY, SIGMOID, TANH, ONE_MINUS = range(len(ACTIVATIONS))
_OPERATIONS, _ACTIVATIONS = range(len(OPERATIONS)), range(len(ACTIVATIONS))
CODE = 5  # whole numbers that say what a node is


@dataclass(frozen=True)
class Node:
    """One node: the slots of its children, and the numbers of its triple, operation and activation, all from 0.

    Example:
        >>> from urnn.rrnn.tree import ADD, TANH, Node, Tree
        >>> str(Tree((Node(left=0, right=1, triple=0, operation=ADD, activation=TANH),)))
        'tanh[1](x + h)'
    """

    left: int
    right: int
    triple: int
    operation: int
    activation: int


@dataclass(frozen=True)
class Drawn:
    """A place in a drawing of a tree: `across` counts leaves from the left, `down` levels from the root.

    `parent` is the index of another place in the list, None at the root.

    Example:
        >>> from urnn.rrnn.tree import ADD, TANH, Node, Tree
        >>> Tree((Node(0, 1, 0, ADD, TANH),)).drawing()[0]
        Drawn(label='tanh[1] +', across=0.5, down=0, parent=None)
    """

    label: str
    across: float
    down: int
    parent: int | None


@dataclass(frozen=True)
class Tree:
    """One tree: every node but the last is the child of exactly one later node.

    Raises:
        TypeError: nodes that are none.
        ValueError: nodes that make no such tree.

    Example:
        >>> from urnn.rrnn.tree import ADD, IDENTITY, MULTIPLY, SIGMOID, Node, Tree
        >>> tree = Tree((Node(0, 1, 0, ADD, SIGMOID), Node(1, 3, 1, MULTIPLY, IDENTITY)))
        >>> str(tree)
        'id[2](h * sigmoid[1](x + h))'
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        if not self.nodes:
            raise ValueError("a tree must have at least one node, got none")
        for number, node in enumerate(self.nodes):
            if not isinstance(node, Node) or not all(type(code) is int for code in vars(node).values()):
                raise TypeError(f"expected node {number} of a tree as a Node of five whole numbers, got {node!r}")
            if not 0 <= node.left < node.right < len(LEAVES) + number:
                raise ValueError(
                    f"node {number} of a tree must join two earlier slots, the smaller first, got {node.left} and "
                    f"{node.right}"
                )
            if not (node.triple >= 0 and node.operation in _OPERATIONS and node.activation in _ACTIVATIONS):
                raise ValueError(f"node {number} has a triple, operation or activation that is none: {node}")
        children = sorted(slot for node in self.nodes for slot in (node.left, node.right) if slot >= len(LEAVES))
        expected = list(range(len(LEAVES), len(LEAVES) + len(self.nodes) - 1))
        if children != expected:
            raise ValueError(
                f"every node of a tree but the last must be the child of one other, slots {expected}, got "
                f"{children}"
            )

    @classmethod
    def from_codes(cls, codes: Sequence[Sequence[int]]) -> "Tree":
        """From a row of five numbers a node."""
        for number, row in enumerate(codes):
            if len(row) != CODE:
                raise ValueError(f"expected {CODE} numbers for node {number} of a tree, got {len(row)}")
        return cls(tuple(Node(*row) for row in codes))

    @property
    def codes(self) -> list[list[int]]:
        """A row of five numbers a node."""
        return [[node.left, node.right, node.triple, node.operation, node.activation] for node in self.nodes]

    @property
    def triples(self) -> int:
        """How many triples a cell needs to run it."""
        return 1 + max(node.triple for node in self.nodes)

    def __str__(self) -> str:
        said = list(LEAVES)
        for node in self.nodes:
            children = f"{said[node.left]} {OPERATIONS[node.operation]} {said[node.right]}"
            said.append(f"{_symbol(node)}({children})")
        return said[-1]

    def drawing(self) -> list[Drawn]:
        """Where nodes and leaves stand in a drawing, the root first: a leaf a column, parents above the middle."""
        places: list[Drawn] = []
        columns = iter(range(2 * len(self.nodes) + 1))
        self._place(len(LEAVES) + len(self.nodes) - 1, 0, None, columns, places)
        return places

    def _place(
        self, slot: int, down: int, parent: int | None, columns: Iterator[int], places: list[Drawn]
    ) -> float:
        if slot < len(LEAVES):
            across = float(next(columns))
            places.append(Drawn(LEAVES[slot], across, down, parent))
            return across
        node, own = self.nodes[slot - len(LEAVES)], len(places)
        label = f"{_symbol(node)} {OPERATIONS[node.operation]}"
        places.append(Drawn(label, 0.0, down, parent))
        sides = [self._place(child, down + 1, own, columns, places) for child in (node.left, node.right)]
        places[own] = Drawn(label, sum(sides) / 2, down, parent)
        return sum(sides) / 2


def _symbol(node: Node) -> str:
    return f"{ACTIVATIONS[node.activation]}[{node.triple + 1}]"


# The GRU that resets before the product, with z, r and the candidate's weights as triples 1 to 3, and a fourth
# that changes nothing. z stands in it twice, because a node has one parent.
GRU_TREE = Tree(
    (
        Node(0, 1, 0, ADD, SIGMOID),  # z, slot 3
        Node(0, 1, 1, ADD, SIGMOID),  # r, slot 4
        Node(0, 1, 0, ADD, SIGMOID),  # z again, slot 5
        Node(1, 4, 3, MULTIPLY, IDENTITY),  # h * r, slot 6
        Node(0, 6, 2, ADD, TANH),  # the candidate c, slot 7
        Node(2, 3, 3, ADD, ONE_MINUS),  # 1 - z, slot 8
        Node(7, 8, 3, MULTIPLY, IDENTITY),  # c * (1 - z), slot 9
        Node(1, 5, 3, MULTIPLY, IDENTITY),  # h * z, slot 10
        Node(9, 10, 3, ADD, IDENTITY),
    )
)
