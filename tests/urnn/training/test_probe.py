"""Linear probes: they find what hand-made states hold, and no more; products and cosets by hand."""

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import Words
from urnn.tasks.groups import A5, S3, Z2, Z5, Group, abelian_part
from urnn.training.probe import ABELIAN_PART, PRODUCT, last_products, probe

LENGTH = 12


def holding(held):
    """A recurrent net whose states are what `held` makes of the elements (T, B) of a word."""
    return lambda x: (held(x.argmax(-1)).float(), None)


def found(group: Group, held) -> dict:
    lines = probe(holding(held), Words(group, LENGTH))
    return {(line["quantity"], line["window"]): line for line in lines}


def test_a_state_that_holds_the_product_holds_nothing_of_the_last_elements():
    """The product and the one before it would give the last element; a one-hot of one alone does not."""
    lines = found(Z5, lambda elements: one_hot(Words(Z5, LENGTH).products(elements), 5))
    assert lines[PRODUCT, None]["score"] == 1
    for window in (2, 3, 4):
        assert lines[PRODUCT, window]["score"] < 0.3
        assert 0.2 <= lines[PRODUCT, window]["guessing"] < 0.23
    assert {name for name, _ in lines} == {PRODUCT}


def test_a_state_that_holds_the_last_element_knows_no_product():
    lines = found(S3, lambda elements: one_hot(elements, 6))
    assert lines[PRODUCT, 1]["score"] == lines[ABELIAN_PART, 1]["score"] == 1
    assert lines[PRODUCT, 3]["score"] < 0.25
    assert lines[ABELIAN_PART, None]["score"] < 0.6


def test_a_state_that_holds_the_sign_of_a_permutation_reads_off_a_third_of_the_products():
    parts = abelian_part(S3)
    lines = found(S3, lambda elements: one_hot(parts[Words(S3, LENGTH).products(elements)], 2))
    assert lines[ABELIAN_PART, None]["score"] == 1
    assert lines[PRODUCT, None]["score"] == pytest.approx(1 / 3, abs=0.06)


def test_units_that_never_move_are_no_obstacle():
    lines = found(Z2, lambda elements: torch.zeros(*elements.shape, 4))
    assert all(0.45 < line["score"] < 0.56 for line in lines.values())


def test_words_shorter_than_a_window_are_not_probed_for_it():
    lines = probe(holding(lambda elements: one_hot(elements, 2)), Words(Z2, 2))
    assert [line["window"] for line in lines] == [1, 2, None]


def test_the_products_of_the_last_elements_are_those_of_a_loop(generator):
    elements = torch.randint(60, (7, 3), generator=generator)
    for window in (1, 2, 4, 7):
        products = last_products(A5, elements, window)
        for at in range(len(products)):
            for word in range(3):
                wanted = 0
                for element in elements[at : at + window, word]:
                    wanted = int(A5.table[wanted, element])
                assert products[at, word] == wanted


@pytest.mark.parametrize(("group", "cosets"), [(Z2, 2), (Z5, 5), (S3, 2), (A5, 1)])
def test_the_abelian_part_is_a_homomorphism_onto_so_many_cosets(group, cosets):
    parts = abelian_part(group)
    assert sorted(set(parts.tolist())) == list(range(cosets))
    assert parts[0] == 0
    product = parts[group.table]
    for left in range(cosets):  # the coset of a product depends on the factors' cosets alone
        for right in range(cosets):
            assert len(product[parts == left][:, parts == right].unique()) == 1
    assert torch.equal(product, product.T)
