"""The text is cut into parts that share nothing, and pieces of it ask for the character that follows."""

import math
import sys

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import Characters, text
from urnn.tasks.text import manual, parts_of, prose_of, symbols


class TestText:
    def test_characters_are_numbered_as_in_ascii_from_the_blank(self):
        assert symbols(" !Az~").tolist() == [0, 1, 33, 90, 94]
        assert symbols("\n").tolist() == [95]
        assert symbols("\té\0“\x7f").tolist() == [96] * 5

    def test_paragraphs_come_in_the_order_of_their_topics_each_once(self):
        topics = {"if": "\nIf.\n\n   indented\n \n\nBoth.\n", "for": "For.\n\nBoth.\n\n\n"}
        assert prose_of(topics) == "For.\n\nBoth.\n\nIf.\n\n   indented"

    def test_parts_are_nine_tenths_and_twice_a_twentieth(self):
        prose = "".join(map(chr, range(32, 127))) * 10
        found = parts_of(prose)
        assert [len(part) for part in (found.train, found.validation, found.test)] == [856, 47, 47]
        assert torch.equal(torch.cat([found.train, found.validation, found.test]), symbols(prose))

    def test_the_checksum_tells_two_texts_apart(self):
        one, again, other = (parts_of(prose * 40) for prose in ("ab", "ab", "aé"))
        assert one.checksum == again.checksum != other.checksum
        assert len(one.checksum) == 16

    def test_the_manual_is_english_and_no_paragraph_is_in_it_twice(self):
        found = manual()
        everything = torch.cat([found.train, found.validation, found.test])
        assert len(everything) > 300_000
        assert int((everything == 96).sum()) < 0.01 * len(everything)
        told = "".join("?" if n > 95 else "\n" if n == 95 else chr(32 + n) for n in everything.tolist())
        paragraphs = told.split("\n\n")
        assert sum(map(len, paragraphs)) - sum(map(len, set(paragraphs))) < 0.001 * len(told)
        assert told.count(" the ") > 1000

    def test_a_python_without_its_manual_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
        with pytest.raises(ValueError) as caught:
            manual.__wrapped__()
        assert str(caught.value) == (
            "expected this Python to bring its manual, and it has no module pydoc_data.topics; "
            "install the whole standard library"
        )


ALPHABET = parts_of("abcdefghij" * 40)  # 360, 20 and 20 characters


class TestCharacters:
    def test_pieces_are_of_the_training_part_and_ask_for_what_follows(self, generator):
        x, target = Characters(5, ALPHABET).sample(60, generator)
        assert x.shape == (5, 60, 97)
        assert (x.dtype, target.dtype) == (torch.float32, torch.int64)
        shown = x.argmax(-1) - symbols("a")
        assert torch.equal((shown + 1) % 10, target - symbols("a"))
        assert shown[0].unique().tolist() == list(range(10))

    @pytest.mark.parametrize(("length", "pieces"), [(1, 19), (6, 3), (9, 2), (10, 1), (19, 1)])
    def test_held_out_pieces_are_in_order_and_whole(self, length, pieces):
        task = Characters(length, ALPHABET)
        batches = list(task.in_order(ALPHABET.test, batch=2))
        assert [x.shape[1] for x, _ in batches] == [2] * (pieces // 2) + [1] * (pieces % 2)
        shown, asked = (
            torch.cat(parts, dim=1).T.flatten()
            for parts in ([x.argmax(-1) for x, _ in batches], [y for _, y in batches])
        )
        assert torch.equal(shown, ALPHABET.test[: pieces * length])
        assert torch.equal(asked, ALPHABET.test[1 : pieces * length + 1])

    def test_no_training_piece_reaches_into_the_held_out_parts(self, generator):
        found = parts_of("a" * 90 + "b" * 10)
        x, target = Characters(4, found).sample(500, generator)
        assert x.argmax(-1).unique().tolist() == target.unique().tolist() == symbols("a").tolist()

    def test_the_loss_is_in_bits(self, generator):
        task = Characters(5, ALPHABET)
        _, target = task.sample(3, generator)
        assert float(task.loss(torch.zeros(5, 3, 97), target)) == pytest.approx(math.log2(97), rel=1e-6)
        assert task.loss(1000 * one_hot(target, 97).float(), target) == 0
        wrong = target.clone()
        wrong[0, 0] += 1
        assert task.score(one_hot(wrong, 97).float(), target) == pytest.approx(14 / 15, rel=1e-12)

    def test_the_baseline_knows_the_present_character_alone(self):
        """Of 'ab' repeated, what follows is certain but for the one that is added to each count."""
        task = Characters(5, parts_of("ab" * 100))  # 180 to train on: 90 times ab, 89 times ba
        follows = torch.tensor([91 / (90 + 97), 90 / (89 + 97)], dtype=torch.float64)
        bits = -(follows.log2() @ torch.tensor([5, 4], dtype=torch.float64)) / 9
        assert task.baseline == pytest.approx(float(bits), rel=1e-12)
        assert task.baseline_score == 1

    def test_the_manuals_baseline_is_between_its_entropies(self):
        task = Characters(100)
        assert 2 < task.baseline < 4.5
        assert 0.2 < task.baseline_score < 0.5
        assert task.text is text.manual()

    @pytest.mark.parametrize("length", [0, -1, 20])
    def test_a_length_that_no_part_has_is_refused(self, length):
        with pytest.raises(ValueError) as caught:
            Characters(length, ALPHABET)
        assert str(caught.value) == (
            f"length must be from 1 to 19 characters, as many as a part of the text has, got {length}"
        )

    def test_every_step_is_read(self):
        output = torch.randn(5, 3, 4)
        assert Characters.read(output, output[-1]) is output
