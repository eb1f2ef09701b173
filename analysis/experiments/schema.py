"""The columns of runs.csv, evaluations.csv and anatomy.csv, and the fields of the logs that they are made of.

A run is known by its folder (`run`) in all three tables. `urnn.training` writes the logs; a test that reads a real
one keeps the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.schema import Column

SOLVED, FINISHED, DIVERGED, INTERRUPTED = "solved", "finished", "diverged", "interrupted"
OUTCOMES = (SOLVED, FINISHED, DIVERGED, INTERRUPTED)

# A run without a last word: it is still going on, or it was killed.
UNFINISHED = "unfinished"

TEST, VALIDATION = "test", "validation"

TASK_LABELS: Mapping[str, str] = {
    "copying": "Copying memory",
    "adding": "Adding",
    "digits": "Digits, pixel by pixel",
    "permuted_digits": "Digits, pixels permuted",
    "mnist": "MNIST, pixel by pixel",
    "permuted_mnist": "MNIST, pixels permuted",
}

# What the first line of a log says, as it says it.
HEADER = (
    Column("task", "string", "", "copying, adding, digits, permuted_digits, mnist or permuted_mnist"),
    Column("length", "Int64", "time steps", "the paper's T: the wait of copying, else the steps of a sequence"),
    Column("steps", "Int64", "time steps", "time steps of a sequence; T + 20 for copying"),
    Column("model", "string", "", "name in the registry of models"),
    Column("label", "string", "", "name of the model for people"),
    Column("family", "string", "", "family of the model: unitary, gated, ...; empty where the log does not say"),
    Column("backend", "string", "", "the way the sequence was run"),
    Column("hidden_size", "Int64", "units", "hidden units n (complex ones for the uRNN)"),
    Column("parameters", "Int64", "real numbers", "trainable real numbers, read-out included"),
    Column("batch", "Int64", "sequences", "sequences B of one iteration"),
    Column("seed", "Int64", "", "seed of parameters and data"),
    Column("optimiser", "string", "", "name of the optimiser"),
    Column("learning_rate", "float64", "1", "learning rate"),
    Column("slow_rate", "float64", "1", "share of it for the recurrent step; NaN where all learn at it"),
    Column("decay", "float64", "1", "decay of the optimiser's running mean; NaN where it has none"),
    Column("momentum", "float64", "1", "momentum of Adam and SGD; NaN where the optimiser has none"),
    Column("clip", "float64", "1", "bound on the gradient's elements; NaN where it is not clipped"),
    Column("max_iterations", "Int64", "iterations", "iterations after which the run ends in any case"),
    Column("evaluate_every", "Int64", "iterations", "iterations between evaluations"),
    Column("baseline", "float64", "see loss_name", "loss of the best answer without memory"),
    Column("baseline_score", "float64", "1", "score of the same; NaN where there is none"),
    Column("loss_name", "string", "", "the loss and its unit"),
    Column("score_name", "string", "", "the score"),
    Column("threads", "Int64", "1", "threads torch was allowed"),
    Column("device", "string", "", "cpu or cuda"),
    Column("dtype", "string", "", "floating-point type of parameters"),
    Column("torch", "string", "", "version of torch"),
    Column("python", "string", "", "version of Python"),
    Column("machine", "string", "", "name of the machine"),
    Column("cpu", "string", "", "processor"),
    Column("commit", "string", "", "commit that was trained"),
    Column("started_at", "string", "", "time of the start, ISO 8601"),
)

RUN = Column("run", "string", "", "folder of the run, below the folder that was read")

RUNS = (
    RUN,
    *HEADER,
    Column("goal", "string", "", "what an evaluation has to reach to count as solved; empty where not recorded"),
    Column("outcome", "string", "", f"{', '.join(OUTCOMES)}, or {UNFINISHED} where the log has no end"),
    Column("message", "string", "", "what the run says of its end"),
    Column("iterations", "Int64", "iterations", "iterations trained"),
    Column("seconds", "float64", "s", "wall-clock time of training, without evaluation"),
    Column("iterations_per_second", "float64", "1/s", "iterations over seconds; NaN before the first evaluation"),
    Column("loss", "float64", "see loss_name", "loss on test data, or the last on validation data; see scored_on"),
    Column("score", "float64", "1", "score on the same data"),
    Column("scored_on", "string", "", "test or validation; empty before the first evaluation"),
    Column("solved_iteration", "Int64", "iterations", "iteration of the first evaluation that met the goal"),
    Column("solved_seconds", "float64", "s", "wall-clock time of training until then"),
)

EVALUATION = (
    Column("iteration", "Int64", "iterations", "iterations trained so far"),
    Column("seconds", "float64", "s", "wall-clock time of training so far, without evaluation"),
    Column("train_loss", "float64", "see runs", "mean training loss since the evaluation before"),
    Column("loss", "float64", "see runs", "loss on validation data"),
    Column("score", "float64", "1", "score on validation data"),
    Column("score_all", "float64", "1", "copying: accuracy over all steps; NaN elsewhere"),
    Column("iterations_per_second", "float64", "1/s", "speed since the evaluation before"),
    Column("solved", "boolean", "", "whether it met the run's goal; empty where that is not recorded"),
)

# What the last line says beside the outcome.
END = (
    *EVALUATION[:2],
    Column("test_loss", "float64", "see runs", "loss on test data"),
    Column("test_score", "float64", "1", "score on test data"),
    Column("message", "string", "", "what the run says of its end"),
)

PROFILE = (
    Column("t", "Int64", "time steps", "time step within the sequence"),
    Column("state_norm", "float64", "1", "Euclidean norm of h_t, mean over the batch"),
    Column("state_change", "float64", "1", "norm of h_t - h_{t-1}, mean over the batch"),
    Column("gradient_norm", "float64", "1", "norm of dC/dh_t, mean over the batch"),
)
TABLES: Mapping[str, Sequence[Column]] = {
    "runs": RUNS,
    "evaluations": (RUN, *EVALUATION),
    "anatomy": (RUN, EVALUATION[0], *PROFILE),
}
ADDED = ("family", "goal", "solved")  # columns that the first tables did not have

# What may be empty in a log or a table; a diverged run has no loss to write down.
NULLABLE = {
    *("family", "slow_rate", "decay", "momentum", "clip", "baseline_score", "cpu", "commit", "goal", "message"),
    *("train_loss", "loss", "score", "score_all", "iterations_per_second", "solved", "test_loss", "test_score"),
    *("scored_on", "solved_iteration", "solved_seconds"),
}

# The least that a number can be; those not named here may be negative. A seed is any number that fits.
LEAST: Mapping[str, float] = {
    **dict.fromkeys(("length", "steps", "hidden_size", "batch", "max_iterations", "evaluate_every", "threads"), 1),
    **dict.fromkeys(("parameters", "iteration", "seconds", "iterations_per_second", "t"), 0),
    **dict.fromkeys(("state_norm", "state_change", "gradient_norm"), 0),
    "baseline": 1e-12,  # losses are divided by it
}
