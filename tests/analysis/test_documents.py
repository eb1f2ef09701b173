"""The one reader of JSON: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import json
import math
import os

import pytest

from analysis import documents
from analysis.__main__ import main
from analysis.documents import (
    ANYTHING,
    FLAG,
    TEXT,
    ListOf,
    MapOf,
    Maybe,
    Record,
    check,
    load,
    one_of,
    real,
    whole,
)
from analysis.errors import AnalysisError, printable, shortened


def refused(path, words: str) -> None:
    with pytest.raises(AnalysisError) as error:
        load(path)
    assert str(error.value) == f"{printable(path)}: {words}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_with_and_without_a_byte_order_mark(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_bytes('{"µ": [1, 2.5, NaN]}'.encode(encoding))
    found = load(path)
    assert found["µ"][:2] == [1, 2.5]
    assert math.isnan(found["µ"][2])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "expected complete JSON, but it is cut off or damaged at line 1, column 1."),
        (b'{"a":\n [1', "expected complete JSON, but it is cut off or damaged at line 2, column 4."),
        (b'{"a": "\xe4"}', "expected JSON text in UTF-8, got other bytes."),
        (b"1" * 5000, "expected JSON as programs write it, but it holds a number of 5000 digits."),
        (b"[" * 100_000, "expected JSON as programs write it, but it is nested too deeply."),
        (b"[" * 65 + b"]" * 65, "expected JSON as programs write it, but it is nested too deeply."),
        (
            b'{"a": {"x": 1, "x": 2}}',
            'expected JSON as programs write it, but the key "x" stands twice in one object.',
        ),
    ],
)
def test_damage_is_one_sentence_that_names_the_file(tmp_path, text, words):
    (tmp_path / "a.json").write_bytes(text)
    refused(tmp_path / "a.json", words)


def lowest_free_descriptor() -> int:
    number = os.dup(0)
    os.close(number)
    return number


def test_only_a_file_is_read_and_none_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "folder.json").mkdir()
    free = lowest_free_descriptor()
    refused(tmp_path / "pipe.json", "expected a file, got a pipe.")
    refused(tmp_path / "folder.json", "expected a file, got a folder.")
    refused(tmp_path / "loop.json", "cannot be read (Too many levels of symbolic links).")
    refused(tmp_path / "none.json", "cannot be read (No such file or directory).")
    refused(tmp_path / ("n" * 300), "cannot be read (File name too long).")
    with pytest.raises(AnalysisError, match=r"a.*b: cannot be read \(.*embedded null \w+.*\)\.$"):
        load(tmp_path / "a\0b")  # Python 3.13 has other words for it
    assert lowest_free_descriptor() == free, "nothing is left open"


def test_a_file_of_any_length_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MOST_BYTES", 2**20)
    (tmp_path / "long.json").write_bytes(b"[" + b"1," * 2**20)
    refused(tmp_path / "long.json", "expected at most 1 MiB, got more.")


def test_texts_can_be_written_to_files_and_figures(tmp_path):
    (tmp_path / "a.json").write_text(r'{"k\u0000": "a\ud800b\u0007\n\tc\u202e רשת"}')
    assert load(tmp_path / "a.json") == {r"k\x00": "a\\ud800b\\x07\n\tc\u202e רשת"}


SHAPE = Record(
    {"name": one_of("a", "b"), "sizes": ListOf(whole(1, 10), least=1), "by": MapOf(real(0.0, 2.0, nan=True))},
    {"flag": FLAG, "note": TEXT, "any": Maybe(ANYTHING)},
)
GOOD = {"name": "a", "sizes": [1, 10], "by": {"x": 2.0, "y": math.nan, "z": 0}, "note": None, "new": [[]]}


def test_a_file_of_the_shape_is_taken_with_keys_that_are_new():
    check(GOOD, SHAPE, "f")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "c"}, 'expected name to be one of a, b, got "c".'),
        ({"name": 1}, "expected name to be one of a, b, got 1."),
        ({"sizes": []}, "expected sizes to be a list of at least 1, got a list that is empty."),
        ({"sizes": {"a": 1}}, "expected sizes to be a list of at least 1, got an object."),
        ({"sizes": [1, True]}, "expected sizes[1] to be a whole number from 1 to 10, got true."),
        ({"sizes": [1.0]}, "expected sizes[0] to be a whole number from 1 to 10, got 1.0."),
        ({"sizes": [11]}, "expected sizes[0] to be a whole number from 1 to 10, got 11."),
        ({"by": {"x": math.inf}}, "expected by.x to be a number from 0 to 2, got Infinity."),
        ({"by": {"x": False}}, "expected by.x to be a number from 0 to 2, got false."),
        ({"by": {"x": "1"}}, 'expected by.x to be a number from 0 to 2, got "1".'),
        ({"by": {"x": -1}}, "expected by.x to be a number from 0 to 2, got -1."),
        ({"by": None}, "expected by to be an object, got null."),
        ({"flag": 0}, "expected flag to be true or false, got 0."),
        ({"note": "x" * 100}, None),
        ({"note": ["x" * 100]}, "expected note to be a text, got a list."),
    ],
)
def test_another_shape_is_refused_with_its_place(change, words):
    if words is None:
        check(GOOD | change, SHAPE, "f")
        return
    with pytest.raises(AnalysisError) as error:
        check(GOOD | change, SHAPE, "f")
    assert str(error.value) == f"f: {words}"


def test_what_is_missing_is_nothing():
    with pytest.raises(AnalysisError, match=r"^f: expected name to be one of a, b, got nothing\.$"):
        check({}, SHAPE, "f")
    with pytest.raises(AnalysisError, match=r"^f: expected it to be an object, got a list\.$"):
        check([1], SHAPE, "f")


def test_of_known_values_a_number_is_no_truth_and_a_single_one_is_named():
    check({"format": 1}, Record({"format": one_of(1)}), "f")
    with pytest.raises(AnalysisError, match=r"^f: expected format to be 1, got true\.$"):
        check({"format": True}, Record({"format": one_of(1)}), "f")


def test_a_message_is_one_printable_line_of_bounded_length():
    assert str(AnalysisError("a\nb\udcff\x1b[31m")) == r"a\nb\udcff\x1b[31m"
    assert len(str(AnalysisError("x" * 10_000))) <= 1000
    assert shortened("abcdefghij", 9) == "abc...hij"


@pytest.fixture
def odd_folder(benchmark_file, entry):
    """A good file among all that can lie in a folder."""
    folder = benchmark_file([entry()]).parent
    os.mkfifo(folder / "pipe.json")
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "folder.json").mkdir()
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "long.json").write_text("1" * 5000)
    with open(os.fsencode(folder) + b"/\xff.json", "w") as file:
        file.write("{}")
    (folder / "models.json").write_text("[1]")
    return folder


def test_the_other_files_of_a_folder_are_left_out_by_name(odd_folder, capsys):
    assert main(["table", str(odd_folder)]) == 0
    out, error = capsys.readouterr()
    assert len(out.splitlines()) == 6
    warnings = error.splitlines()
    assert all(line.startswith("warning: ") and line.isprintable() for line in warnings)
    for name in ("pipe.json", "loop.json", "deep.json", "long.json", r"\udcff.json", "models.json"):
        assert sum(f"/{name}: " in line for line in warnings) == 1
    assert len(warnings) == 6


def test_a_file_whose_name_is_no_utf8_is_read(benchmark_file, entry, capsys):
    good = benchmark_file([entry()])
    odd = os.fsdecode(os.fsencode(good.parent) + b"/\xe4.json")
    good.rename(odd)
    assert main(["table", odd]) == 0
    assert r"/\udce4.json," in capsys.readouterr().out


def test_a_stored_time_of_zero_is_no_measurement(benchmark_file, entry, capsys):
    zero = entry()
    zero["stats"]["data"] = [0.0, 0.01]
    bad, good = benchmark_file([zero], "bad/0001_run.json"), benchmark_file([entry()], "good/0001_run.json")
    assert main(["compare", str(good), str(bad)]) == 2
    words = "expected benchmarks[0].stats.data[0] to be a number from 1e-12 to 1e+09, got 0.0"
    assert capsys.readouterr().err == f"error: {bad}: {words}; measure again, or leave that file out.\n"


@pytest.mark.parametrize(("lower", "upper"), [(0.03, 0.04), (0.01, 0.015)])
def test_quartiles_out_of_order_say_nothing(benchmark_file, entry, lower, upper, capsys):
    summed = entry()
    summed["stats"] = {"median": 0.02, "q1": lower, "q3": upper, "rounds": 3}
    assert main(["table", str(benchmark_file([summed]))]) == 2
    assert f"expected the median 0.02 between the quartiles, got {lower} and {upper}; " in capsys.readouterr().err


def one_benchmark(sizes=("64",), lengths=("10",), batches=("1",)) -> dict:
    """asv's results of one benchmark over these parameters, each as asv writes it."""
    params = [["'urnn:cpu'"], ["'train'"], ["'cpu'"], list(sizes), list(lengths), list(batches)]
    return {"step_time.S.time_call": [[1.0], params]}


def test_a_damaged_file_beside_asvs_results_is_warned_of(asv_file, capsys):
    path = asv_file(one_benchmark())
    for name, text in (("machine.json", "{"), ("benchmarks.json", '{"a": {"param_names": 5}}')):
        (path.parent / name).write_text(text)
    assert main(["table", str(path)]) == 0
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 2
    assert "benchmarks.json: expected a.param_names to be a list, got 5. The results beside it" in error[0]
    assert "machine.json: expected complete JSON" in error[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("64.0", "a parameter that is neither a text in quotes nor a number, '64.0'"),
        ("((((1))))", "a parameter that is neither a text in quotes nor a number"),
        ("0", "expected step_time.S.time_call.hidden_size to be a whole number from 1"),
    ],
)
def test_an_odd_parameter_of_asv_is_refused(asv_file, text, words, capsys):
    path = asv_file(one_benchmark([text]))
    assert main(["table", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_a_product_of_parameters_without_an_end_is_refused(asv_file, capsys):
    many = [str(number) for number in range(1, 101)]
    path = asv_file(one_benchmark(many, many, many))
    assert main(["table", str(path)]) == 2
    assert "step_time.S.time_call has 1000000 cells, more than 100000" in capsys.readouterr().err


def test_a_file_is_read_by_its_shape(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    assert load(tmp_path / "a.json", SHAPE)["by"]["x"] == 2.0
