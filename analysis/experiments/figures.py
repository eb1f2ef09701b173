"""The figures of the experiments: a row each of name, title, caption and a function from a Study to a drawing."""

from __future__ import annotations

from functools import partial

from analysis.experiments import costs, curves
from analysis.pages import Figure

FIGURES = (
    Figure(
        "learning_curves_over_iterations",
        "Loss over iterations",
        "Loss on validation data: the mean across seeds (geometric) in bold with its 95 % interval, single runs "
        "in thin lines, the loss of the best answer without memory dashed. A run that stopped because it solved "
        "its task keeps its last value; a cross is where a run diverged.",
        partial(curves.draw, axis="iteration", quantity="loss"),
    ),
    Figure(
        "learning_curves_over_seconds",
        "Loss over wall-clock seconds",
        "The same over the wall-clock time of training, without evaluation, on a logarithmic axis: who gets there "
        "first, however many iterations it takes. A time depends on the machine and on what else ran on it.",
        partial(curves.draw, axis="seconds", quantity="loss"),
    ),
    Figure(
        "score_over_seconds",
        "Score over wall-clock seconds",
        "Score on validation data over the wall-clock time of training. Copying is scored on its ten recall steps "
        "alone, because a score over all steps is high for a model that prints nothing but blanks. Dashed: "
        "guessing.",
        partial(curves.draw, axis="seconds", quantity="score"),
    ),
    Figure(
        "time_to_solve",
        "Time to solve",
        "Each dot is a seed at the first evaluation that met the goal of its task, each cross one that did not "
        "meet it, where it stopped. The bar is the 95 % interval of the geometric mean, where every seed solved "
        "it and there are several. Further left is better.",
        costs.draw_time_to_solve,
    ),
    Figure(
        "score_against_cost",
        "Score against step time and memory",
        "Score at the end of training, mean across seeds with its 95 % interval, against what one training step "
        "costs: its time over its time steps, and the peak memory of torch's allocator. Upper left is better. A "
        "filled marker is a time from the benchmark, a hollow one follows from the run's iterations a second.",
        costs.draw_score,
    ),
    Figure(
        "anatomy",
        "Inside the state (the paper's Figure 4)",
        "Over the time steps of a sequence, at the start of training and after 100 iterations: the norm of the "
        "hidden state, how far it moves in a step (not at all means that it is saturated and takes nothing in), "
        "and the norm of the gradient of the loss with respect to it, which has to reach back to the first steps. "
        "Geometric means over the seeds that were looked into, drawn down to 1e-12. The cost of adding is that of "
        "its last step alone; on copying every step has its own.",
        curves.draw_inside,
    ),
)
