"""Trees, the GRU that one of them is, and their executor."""

import pytest
import torch
from torch import nn

from urnn.rrnn import GRU_TREE, Node, ResetBeforeGRU, Tree
from urnn.rrnn.execution import run_tree
from urnn.rrnn.triples import Triples

N, T, B = 6, 5, 3
CODES = GRU_TREE.codes


def by_definition(tree: Tree, triples: Triples, x: torch.Tensor, h: torch.Tensor) -> list[torch.Tensor]:
    """Every node of one step for one sample, one after the other, from the formula alone."""
    vectors = [x, h, torch.zeros_like(h)]
    functions = [lambda v: v, torch.sigmoid, torch.tanh, lambda v: 1 - v]
    for left, right, k, operation, activation in tree.codes:
        one, other = vectors[left] @ triples.L[k], vectors[right] @ triples.R[k]
        vectors.append(functions[activation]([one + other, one * other][operation] + triples.b[k]))
    return vectors[3:]


def gru_and_triples(dtype: torch.dtype) -> tuple[ResetBeforeGRU, Triples]:
    """A GRU, and the triples with which the GRU's tree is the same function of an input as wide as the state."""
    torch.manual_seed(0)
    gru, triples = ResetBeforeGRU(N, N, dtype=dtype), Triples(4, N, dtype=dtype)
    with torch.no_grad():
        gru.b.normal_()
        for k in range(3):
            of = slice(k * N, (k + 1) * N)
            triples.L[k], triples.R[k], triples.b[k] = gru.W[of].T, gru.U[of].T, gru.b[of]
    return gru, triples


class TestTree:
    def test_it_can_be_read(self):
        assert str(Tree((Node(0, 1, 0, 0, 0),))) == "id[1](x + h)"
        z, r = "sigmoid[1](x + h)", "sigmoid[2](x + h)"
        assert str(GRU_TREE) == (f"id[4](id[4](tanh[3](x + id[4](h * {r})) * 1-[4](0 + {z})) + id[4](h * {z}))")

    def test_codes_are_the_whole_of_it(self):
        assert Tree.from_codes(CODES) == GRU_TREE

    def test_a_drawing_has_every_leaf_in_a_column_and_parents_above_the_middle(self):
        tree = Tree((Node(0, 1, 0, 0, 1), Node(2, 3, 1, 1, 2)))
        places = [(one.label, one.across, one.down, one.parent) for one in tree.drawing()]
        assert places == [
            ("tanh[2] *", 0.75, 0, None),
            ("0", 0.0, 1, 0),
            ("sigmoid[1] +", 1.5, 1, 0),
            ("x", 1.0, 2, 2),
            ("h", 2.0, 2, 2),
        ]

    @pytest.mark.parametrize(
        ("nodes", "message"),
        [
            ((), "a tree must have at least one node, got none"),
            (
                (Node(1, 0, 0, 0, 0),),
                "node 0 of a tree must join two earlier slots, the smaller first, got 1 and 0",
            ),
            (
                (Node(0, 3, 0, 0, 0),),
                "node 0 of a tree must join two earlier slots, the smaller first, got 0 and 3",
            ),
            (
                (Node(0, 1, 0, 2, 0),),
                "node 0 has a triple, operation or activation that is none: "
                "Node(left=0, right=1, triple=0, operation=2, activation=0)",
            ),
            (
                (Node(0, 1, 0, 0, 0), Node(0, 1, 0, 0, 0)),
                "every node of a tree but the last must be the child of one other, slots [3], got []",
            ),
            (
                (Node(0, 1, 0, 0, 0), Node(0, 3, 0, 0, 0), Node(3, 4, 0, 0, 0)),
                "every node of a tree but the last must be the child of one other, slots [3, 4], got [3, 3, 4]",
            ),
        ],
    )
    def test_what_is_no_tree_is_refused(self, nodes, message):
        with pytest.raises(ValueError) as caught:
            Tree(nodes)
        assert str(caught.value) == message


@pytest.mark.usefixtures("as_a_user")
class TestWhatIsNoTree:
    @pytest.mark.parametrize("made", [int, lambda: (0, 1, 0, 0, 0), lambda: Node(0, 1, 1.5, 0, 0)])
    def test_nodes_that_are_none_are_refused(self, made):
        node = made()
        with pytest.raises(TypeError) as caught:
            Tree((node,))
        assert str(caught.value) == f"expected node 0 of a tree as a Node of five whole numbers, got {node!r}"

    def test_a_row_of_another_length_is_refused(self):
        with pytest.raises(ValueError, match=r"^expected 5 numbers for node 1 of a tree, got 4$"):
            Tree.from_codes([[0, 1, 0, 0, 0], [0, 3, 0, 0]])

    def test_a_list_of_nodes_is_the_same_tree(self):
        assert hash(Tree(list(GRU_TREE.nodes))) == hash(GRU_TREE)


class TestGRU:
    def test_it_is_its_formula(self):
        gru, _ = gru_and_triples(torch.float64)
        x, h = torch.randn(T, B, N, dtype=torch.float64), torch.randn(1, B, N, dtype=torch.float64)
        output, h_n = gru(x, h)
        h = h[0]
        for t in range(T):
            following = torch.empty_like(h)
            for sample in range(B):
                gates = [gru.W[k * N : (k + 1) * N] @ x[t, sample] + gru.b[k * N : (k + 1) * N] for k in range(3)]
                z = torch.sigmoid(gates[0] + gru.U[:N] @ h[sample])
                r = torch.sigmoid(gates[1] + gru.U[N : 2 * N] @ h[sample])
                c = torch.tanh(gates[2] + gru.U[2 * N :] @ (r * h[sample]))
                following[sample] = (1 - z) * c + z * h[sample]
            h = following
            torch.testing.assert_close(output[t], h, rtol=0, atol=1e-13)
        torch.testing.assert_close(h_n[0], h, rtol=0, atol=1e-13)

    def test_torchs_gru_is_another_function(self):
        gru, _ = gru_and_triples(torch.float64)
        theirs = nn.GRU(N, N, dtype=torch.float64)
        order = torch.cat([torch.arange(N, 2 * N), torch.arange(N), torch.arange(2 * N, 3 * N)])  # r, z, n
        with torch.no_grad():
            theirs.weight_ih_l0.copy_(gru.W[order])
            theirs.weight_hh_l0.copy_(gru.U[order])
            theirs.bias_ih_l0.copy_(gru.b[order])
            theirs.bias_hh_l0.zero_()
        x, h = torch.randn(1, B, N, dtype=torch.float64), torch.zeros(1, B, N, dtype=torch.float64)
        torch.testing.assert_close(gru(x, h)[0], theirs(x, h)[0], rtol=0, atol=1e-13)  # where the state is zero
        h = torch.randn(1, B, N, dtype=torch.float64)
        assert (gru(x, h)[0] - theirs(x, h)[0]).abs().max() > 0.05

    def test_its_nodes_are_those_of_its_tree(self):
        gru, triples = gru_and_triples(torch.float64)
        x = torch.randn(T, B, N, dtype=torch.float64)
        found = gru.nodes(x)
        h = torch.zeros(B, N, dtype=torch.float64)
        torch.testing.assert_close(found[:, :, -1], gru(x)[0], rtol=0, atol=0)
        _, nodes = run_tree(GRU_TREE, triples, x, h, keep_nodes=True)
        torch.testing.assert_close(found, nodes, rtol=0, atol=1e-13)


class TestExecutor:
    @pytest.mark.parametrize(
        ("dtype", "values", "gradients"), [(torch.float32, 1e-6, 1e-5), (torch.float64, 1e-14, 1e-13)]
    )
    def test_the_grus_tree_is_the_gru(self, dtype, values, gradients):
        gru, triples = gru_and_triples(dtype)
        x, h = torch.randn(T, B, N, dtype=dtype), torch.randn(B, N, dtype=dtype)
        weight = torch.randn(T, B, N, dtype=dtype)
        found, inputs = [], []
        for run in (lambda x, h: gru(x, h[None])[0], lambda x, h: run_tree(GRU_TREE, triples, x, h)[0]):
            given = [one.clone().requires_grad_() for one in (x, h)]
            output = run(*given)
            (output * weight).sum().backward()
            found.append(output)
            inputs.append([one.grad for one in given])
        torch.testing.assert_close(found[1], found[0], rtol=0, atol=values)
        torch.testing.assert_close(inputs[1], inputs[0], rtol=0, atol=gradients)
        for k in range(3):
            of = slice(k * N, (k + 1) * N)
            for ours, theirs in (
                (triples.L.grad[k].T, gru.W),
                (triples.R.grad[k].T, gru.U),
                (triples.b.grad[k], gru.b),
            ):
                torch.testing.assert_close(ours, theirs.grad[of], rtol=0, atol=gradients)

    @pytest.mark.parametrize("seed", range(20))
    def test_any_tree_is_its_formula(self, seed):
        torch.manual_seed(seed)
        triples, tree = Triples(3, N, dtype=torch.float64), random_tree(7, 3)
        with torch.no_grad():
            triples.b.normal_()
        x, h = torch.randn(2, B, N, dtype=torch.float64), torch.randn(B, N, dtype=torch.float64)
        states, nodes = run_tree(tree, triples, x, h, keep_nodes=True)
        for t in range(2):
            expected = torch.stack([torch.stack(by_definition(tree, triples, x[t, b], h[b])) for b in range(B)])
            torch.testing.assert_close(nodes[t], expected, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(states[t], expected[:, -1], rtol=1e-12, atol=1e-12)
            h = states[t]

    def test_a_tree_of_more_triples_is_refused(self):
        x = torch.zeros(1, 1, N)
        with pytest.raises(ValueError) as caught:
            run_tree(GRU_TREE, Triples(3, N), x, x[0])
        assert str(caught.value) == (
            f"the tree {GRU_TREE} needs 4 triples, and the cell has 3; build it with triples=4"
        )


def random_tree(nodes: int, triples: int) -> Tree:
    """Any tree, by joining what is left over at random."""
    made, open_slots = [], []
    for number in range(nodes):
        left = nodes - number
        least = 2 if left == len(open_slots) - 1 else 1 if left == len(open_slots) else 0
        while True:
            i, j = sorted(torch.tensor([0, 1, 2, *open_slots])[torch.randperm(3 + len(open_slots))[:2]].tolist())
            if (i > 2) + (j > 2) >= least:
                break
        k, operation, activation = (int(torch.randint(most, ())) for most in (triples, 2, 4))
        made.append(Node(i, j, k, operation, activation))
        open_slots = [slot for slot in open_slots if slot not in (i, j)] + [3 + number]
    return Tree(tuple(made))
