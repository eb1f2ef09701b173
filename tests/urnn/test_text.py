"""The text is cut into parts that share nothing, and pieces of it ask for the character that follows."""

import math
import sys

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import Characters, characters, text
from urnn.tasks.text import enwik8_letters, letters_of, manual, manual_letters, parts_of, prose_of, symbols


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


class TestLetters:
    def test_what_stands_between_words_is_one_blank_and_capitals_are_small(self):
        prose = b"\n  Ab<i>Z</i>-y's, \xc3\xa9 42\n" * 20
        found = letters_of(prose, "lines")
        everything = torch.cat([found.train, found.validation, found.test])
        line = [1, 2, 0, 9, 0, 26, 0, 9, 0, 25, 0, 19, 0]
        assert everything.tolist() == (line * 20)[:-1]
        assert (found.kinds, found.source, everything.dtype) == (27, "lines", torch.int8)

    def test_parts_are_in_order_and_nine_tenths_and_twice_a_twentieth(self):
        found = letters_of(b"abcdefghij" * 10, "letters")
        assert [part.tolist()[0] for part in (found.train, found.validation, found.test)] == [1, 1, 6]
        assert [len(part) for part in (found.train, found.validation, found.test)] == [90, 5, 5]

    def test_the_manuals_letters_are_english(self):
        found = manual_letters()
        everything = torch.cat([found.train, found.validation, found.test])
        assert len(everything) > 250_000
        assert everything.unique().tolist() == list(range(27))
        told = "".join(" abcdefghijklmnopqrstuvwxyz"[n] for n in everything.tolist())
        assert told.count(" the ") > 1000
        assert "  " not in told

    def test_enwik8_is_read_where_the_user_has_it(self, tmp_path):
        (tmp_path / "enwik8").write_bytes(b"<page>Anarchism</page>\n" * 30)
        found = enwik8_letters(tmp_path)
        assert found.source == "the letters of enwik8"
        assert found.train[:15].tolist() == [16, 1, 7, 5, 0, 1, 14, 1, 18, 3, 8, 9, 19, 13, 0]

    def test_a_long_text_is_not_validated_for_longer_than_it_is_trained_on(self, monkeypatch):
        monkeypatch.setattr(text, "MOST_HELD_OUT", 7)
        found = letters_of(b"abcdefghij" * 100, "letters")
        assert [len(part) for part in (found.train, found.validation, found.test)] == [986, 7, 7]

    @pytest.mark.parametrize(("prose", "left"), [(b"", 0), (b"1 + 1 = 2\n" * 100, 0), (b"a" * 39, 39)])
    def test_a_text_without_letters_is_refused(self, tmp_path, prose, left):
        (tmp_path / "enwik8").write_bytes(prose)
        with pytest.raises(ValueError) as caught:
            enwik8_letters(tmp_path)
        assert str(caught.value) == (
            f"expected a text with at least 40 letters a to z, and the letters of enwik8 have {left} in "
            f"{len(prose)} bytes; take another text"
        )

    def test_a_folder_without_enwik8_is_named(self, tmp_path):
        with pytest.raises(ValueError) as caught:
            enwik8_letters(tmp_path)
        assert str(caught.value) == (
            f"expected a file enwik8 in {tmp_path} (No such file or directory); name the folder that has it, or "
            "leave it out for Python's manual"
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

    def test_letters_are_counted_the_same_in_chunks(self, monkeypatch):
        letters = letters_of(b"the cat sat on the mat " * 40, "a rhyme")
        whole = Characters(5, letters)
        monkeypatch.setattr(characters, "COUNTED", 100)
        chunks = Characters(5, letters)
        assert (whole.baseline, whole.baseline_score) == (chunks.baseline, chunks.baseline_score)
        assert whole.unigram_bits == chunks.unigram_bits

    def test_letters_have_an_input_and_an_output_each(self, generator):
        task = Characters(5, letters_of(b"ab" * 100, "two letters"))
        x, target = task.sample(3, generator)
        assert x.shape == (5, 3, 27)
        assert target.dtype == torch.int64
        assert torch.equal(x.argmax(-1)[1:], target[:-1])
        assert task.unigram_bits == pytest.approx(1 - math.log2(100 / (100 + 27 / 2) * 1), abs=0.02)

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
