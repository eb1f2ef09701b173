"""Groups obey their axioms and are the ones they are called after; running products are what they say."""

import itertools
import math

import pytest
import torch

from urnn.tasks import Words
from urnn.tasks.groups import A5, S3, Z2, Z5, Group, cyclic, of_permutations

GROUPS = [Z2, Z5, S3, A5]
every_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


def orders(group: Group) -> dict[int, int]:
    """How many elements have each order."""
    found: dict[int, int] = {}
    for element in range(group.order):
        power, steps = element, 1
        while power:
            power, steps = int(group.table[power, element]), steps + 1
        found[steps] = found.get(steps, 0) + 1
    return found


class TestGroups:
    @every_group
    def test_the_axioms_hold(self, group):
        table, numbers = group.table, torch.arange(group.order)
        assert torch.equal(table[0], numbers)
        assert torch.equal(table[:, 0], numbers)
        for row in (*table, *table.T):  # every equation a x = b and x a = b has one solution
            assert torch.equal(row.sort().values, numbers)
        left, right = table[table], table[:, table]  # (a b) c and a (b c)
        assert torch.equal(left, right)

    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            (Z2, {1: 1, 2: 1}),
            (Z5, {1: 1, 5: 4}),
            (S3, {1: 1, 2: 3, 3: 2}),
            (A5, {1: 1, 2: 15, 3: 20, 5: 24}),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_elements_have_the_orders_known_of_the_group(self, group, expected):
        assert orders(group) == expected

    def test_cyclic_groups_add(self):
        assert cyclic(3).table.tolist() == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
        assert cyclic(3).name == "Z3"

    def test_permutations_are_applied_the_left_one_first(self):
        """Swapping places 0 and 1, then 1 and 2: 0 goes to 1 and on to 2."""
        elements = sorted(itertools.permutations(range(3)))
        first, second = elements.index((1, 0, 2)), elements.index((0, 2, 1))
        assert elements[int(S3.table[first, second])] == (2, 0, 1)
        assert elements[int(S3.table[second, first])] == (1, 2, 0)

    def test_permutations_that_are_not_closed_are_no_group(self):
        with pytest.raises(KeyError):
            of_permutations("half of S3", [(0, 1, 2), (1, 0, 2), (0, 2, 1)])


class TestWords:
    def test_parity_of_a_hand_made_word(self):
        bits = torch.tensor([[1, 0], [1, 0], [0, 1], [1, 1]])
        assert Words(Z2, 4).products(bits).tolist() == [[1, 0], [0, 0], [0, 1], [1, 0]]

    def test_sums_modulo_five_of_a_hand_made_word(self):
        digits = torch.tensor([[4], [3], [0], [3], [1]])
        assert Words(Z5, 5).products(digits).flatten().tolist() == [4, 2, 2, 0, 1]

    @pytest.mark.parametrize(("group", "points"), [(S3, 3), (A5, 5)], ids=["S3", "A5"])
    def test_words_of_permutations_move_a_point_as_its_letters_do(self, group, points, generator):
        """Each product, applied to the points, against the letters applied one after the other."""
        elements = [
            element
            for element in sorted(itertools.permutations(range(points)))
            if group is S3 or sum(a > b for a, b in itertools.combinations(element, 2)) % 2 == 0
        ]
        x, target = Words(group, 12).sample(3, generator)
        for letters, products in zip(x.argmax(-1).T.tolist(), target.T.tolist(), strict=True):
            places = list(range(points))
            for letter, product in zip(letters, products, strict=True):
                places = [elements[letter][place] for place in places]
                assert tuple(places) == elements[product]

    @every_group
    @pytest.mark.parametrize("length", [1, 2, 40])
    def test_shapes_and_types(self, group, length, generator):
        task = Words(group, length)
        x, target = task.sample(7, generator)
        assert x.shape == (length, 7, group.order)
        assert (x.dtype, target.dtype) == (torch.float32, torch.int64)
        assert torch.equal(x.sum(-1), torch.ones(length, 7))
        assert torch.equal(target[0], x[0].argmax(-1))
        assert (task.input_size, task.output_size) == (group.order, group.order)

    def test_a_generator_seeded_alike_gives_the_same_and_goes_on_to_something_else(self, generator):
        task = Words(S3, 10)
        first, again = task.sample(4, generator), task.sample(4, torch.Generator().manual_seed(0))
        assert all(map(torch.equal, first, again))
        assert not torch.equal(task.sample(4, generator)[0], first[0])

    @every_group
    def test_guessing_costs_the_baseline(self, group, generator):
        task = Words(group, 40)
        _, target = task.sample(500, generator)
        logits = torch.zeros(40, 500, group.order)
        # a float32 mean over 20,000 answers
        assert float(task.loss(logits, target)) == pytest.approx(math.log(group.order), rel=1e-5)
        assert task.baseline == pytest.approx(math.log(group.order), rel=1e-15)
        counts = torch.bincount(target[1:].flatten(), minlength=group.order) / target[1:].numel()
        share = 1 / group.order
        # binomial, five standard deviations of 19,500 draws
        assert (counts - share).abs().max() <= 5 * math.sqrt(share * (1 - share) / 19_500)
        assert task.baseline_score == share

    def test_the_score_is_the_share_of_right_steps(self):
        target = torch.tensor([[0, 1], [2, 3]])
        answers = torch.nn.functional.one_hot(torch.tensor([[0, 1], [2, 4]]), 5).float()
        assert Words(Z5, 2).score(answers, target) == 0.75
        assert Words(Z5, 2).loss(1000 * torch.nn.functional.one_hot(target, 5).float(), target) == 0

    def test_every_step_is_read(self):
        output = torch.randn(5, 3, 4)
        assert Words.read(output, output[-1]) is output

    @pytest.mark.parametrize("length", [0, -3])
    def test_no_time_steps_are_refused(self, length):
        with pytest.raises(ValueError, match=f"^length must be at least 1 time step, got {length}$"):
            Words(Z2, length)
