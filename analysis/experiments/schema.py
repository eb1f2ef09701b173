"""The columns of the tables of training runs, and the fields of the logs that they are made of.

A column is its name and the shape of its values; docs/files.md says what each is. A run is known by its folder
(`run`) in all of them. `urnn.training` writes the logs; a test that reads a real one keeps the two together.
"""

from collections.abc import Iterable, Mapping

from analysis.documents import COUNT, FLAG, TEXT, Columns, Maybe, one_of, real, whole

SOLVED, FINISHED, NOT_FINISHED, DIVERGED, INTERRUPTED = (
    "solved",
    "finished",
    "not finished",
    "diverged",
    "interrupted",
)
OUTCOMES = (SOLVED, FINISHED, NOT_FINISHED, DIVERGED, INTERRUPTED)

# A run without a last word: it is still going on, or it was killed.
UNFINISHED = "unfinished"

TEST, VALIDATION = "test", "validation"

# Who chose a run's settings, and which clock its seconds are of; `BEFORE` is what older logs mean. A preset is the
# paper's, and the trainer's own where the paper has none.
TUNED, PRESET, GIVEN = "tuned", "preset", "given"
PROTOCOLS: Mapping[str, str] = {TUNED: "tuned", PRESET: "preset", GIVEN: "set by hand"}
CLOCKS: Mapping[str, str] = {"processor": "processor", "wall": "wall-clock"}
BEFORE: Mapping[str, str] = {"protocol": PRESET, "clock": "wall"}

TASK_LABELS: Mapping[str, str] = {
    "copying": "Copying memory",
    "adding": "Adding",
    "digits": "Digits, pixel by pixel",
    "permuted_digits": "Digits, pixels permuted",
    "digits_rows": "Digits, row by row",
    "noisy_digits_rows": "Digits, rows with noise",
    "mnist": "MNIST, pixel by pixel",
    "permuted_mnist": "MNIST, pixels permuted",
    "parity": "Parity",
    "modular_addition": "Sums modulo 5",
    "words_s3": "Words of S3",
    "words_a5": "Words of A5",
    "selective_copying": "Selective copying",
    "denoising": "Denoising",
    "associative_recall": "Associative recall",
    "characters": "Characters of a text",
    "text": "Letters of a text",
}
# Those of the paper, and the small digits in place of its MNIST.
PAPER_TASKS = ("copying", "adding", "digits", "permuted_digits", "mnist", "permuted_mnist")
# Tasks that a run's user gives a length: what is written before it.
LENGTH_SYMBOLS: Mapping[str, str] = {
    **dict.fromkeys(("copying", "adding", "selective_copying", "denoising", "characters", "text"), "T"),
    "associative_recall": "pairs",
}

ANY_NUMBER, MAYBE_NUMBER, LARGEST_SEED = real(), Maybe(real()), 2**63 - 1
AT_LEAST_ONE, NOT_NEGATIVE = whole(1), real(0.0)

# What the first line of a log says; a diverged run has no loss to write down.
HEADER: Columns = {
    "task": TEXT,
    **dict.fromkeys(("length", "steps"), AT_LEAST_ONE),
    "shortest_steps": Maybe(AT_LEAST_ONE),
    **dict.fromkeys(("model", "label"), TEXT),
    "family": Maybe(TEXT),
    "backend": TEXT,
    "hidden_size": AT_LEAST_ONE,
    "parameters": COUNT,
    "batch": AT_LEAST_ONE,
    "seed": whole(-LARGEST_SEED, LARGEST_SEED),
    "optimiser": TEXT,
    "learning_rate": ANY_NUMBER,
    **dict.fromkeys(("slow_rate", "decay", "momentum", "clip", "clip_norm"), MAYBE_NUMBER),
    "initial": Maybe(TEXT),
    **dict.fromkeys(("max_iterations", "evaluate_every"), AT_LEAST_ONE),
    "max_seconds": MAYBE_NUMBER,
    "protocol": Maybe(one_of(*PROTOCOLS)),
    "clock": Maybe(one_of(*CLOCKS)),
    "baseline": real(1e-12),  # losses are divided by it
    "baseline_score": MAYBE_NUMBER,
    "data": Maybe(TEXT),
    **dict.fromkeys(("loss_name", "score_name"), TEXT),
    "threads": AT_LEAST_ONE,
    **dict.fromkeys(("device", "dtype", "torch", "python", "machine"), TEXT),
    **dict.fromkeys(("cpu", "commit"), Maybe(TEXT)),
    "started_at": TEXT,
}
RUNS: Columns = {
    "run": TEXT,
    **HEADER,
    "goal": Maybe(TEXT),
    "goal_ends": Maybe(FLAG),
    "outcome": one_of(*OUTCOMES, UNFINISHED),
    "message": Maybe(TEXT),
    "iterations": COUNT,
    "seconds": NOT_NEGATIVE,
    "iterations_per_second": Maybe(NOT_NEGATIVE),
    **dict.fromkeys(("loss", "score"), MAYBE_NUMBER),
    "scored_on": Maybe(TEXT),
    "solved_iteration": Maybe(whole()),
    "solved_seconds": MAYBE_NUMBER,
}
EVALUATION: Columns = {
    "iteration": COUNT,
    "seconds": NOT_NEGATIVE,
    **dict.fromkeys(("train_loss", "loss", "score", "score_all"), MAYBE_NUMBER),
    "iterations_per_second": Maybe(NOT_NEGATIVE),
    "solved": Maybe(FLAG),
}
END: Columns = {  # the last line
    "outcome": one_of(*OUTCOMES),
    **{name: EVALUATION[name] for name in ("iteration", "seconds")},
    **dict.fromkeys(("test_loss", "test_score"), MAYBE_NUMBER),
    "message": Maybe(TEXT),
}
NORMS = ("state_norm", "state_change", "gradient_norm")
LENGTH: Columns = {"steps": AT_LEAST_ONE, **dict.fromkeys(("loss", "score"), MAYBE_NUMBER)}
PRODUCT, ABELIAN_PART = "product", "abelian part"
PROBE: Columns = {
    "quantity": one_of(PRODUCT, ABELIAN_PART),
    "window": Maybe(AT_LEAST_ONE),  # of all elements where there is none
    **dict.fromkeys(("score", "guessing"), real(0.0, 1.0)),
}
PROFILE: Columns = {"t": COUNT, **dict.fromkeys(NORMS, Maybe(NOT_NEGATIVE))}
TABLES: Mapping[str, Columns] = {
    "runs": RUNS,
    "evaluations": {"run": TEXT, **EVALUATION},
    "anatomy": {"run": TEXT, "iteration": COUNT, **PROFILE},
    "lengths": {"run": TEXT, **LENGTH},
    "probes": {"run": TEXT, **PROBE},
}
TUNING: Columns = {  # a row a file of tuned settings
    "task": TEXT,
    "length": Maybe(AT_LEAST_ONE),
    **dict.fromkeys(("model", "label"), TEXT),
    "trials": AT_LEAST_ONE,
    "seconds": NOT_NEGATIVE,
    "solved": COUNT,
    "best_trial": AT_LEAST_ONE,
    **dict.fromkeys(("best_loss", "best_score", "median_loss"), MAYBE_NUMBER),
    "solved_iteration": Maybe(COUNT),
    "optimiser": TEXT,
    "learning_rate": ANY_NUMBER,
    **{name: HEADER[name] for name in ("slow_rate", "decay", "momentum", "clip", "clip_norm", "initial")},
}
# What the first tables did not have.
ADDED_COLUMNS = (
    *("family", "goal", "solved", "shortest_steps", "data", "clip_norm", "initial", "max_seconds"),
    *("protocol", "clock", "goal_ends"),
)
ADDED_TABLES = ("lengths", "probes")


def seconds_of(clocks: Iterable[str]) -> str:
    """What seconds by these clocks are called: 'processor seconds'; just 'seconds' where both were used."""
    known = set(clocks)
    return f"{CLOCKS[known.pop()]} seconds" if len(known) == 1 else "seconds"
