"""Score over test length: whether a model that tracks a state learned the rule, or the lengths it saw.

The lengths up to the longest that was trained on are marked; guessing is dashed.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.experiments.curves import Numbers, baseline_at, share_axis
from analysis.experiments.study import Study, by_place
from analysis.figures import style
from analysis.statistics import Estimate
from analysis.statistics.seeds import share

HEIGHT = 2.9
ROOM = 2.2  # left of the shortest test length, for the words


def over_lengths(study: Study) -> pd.DataFrame:
    """A row a group and test length: the group's columns, `tested` in time steps, and in `score` the Estimate.

    None where a member has no score there.
    """
    rows = study.logs.lengths.rename(columns={"steps": "tested", "score": "found"})
    members = study.runs[study.runs["member"]][["run", "group"]]
    rows = members.merge(rows[["run", "tested", "found"]], on="run")
    scores = {at: share(found) for at, found in rows.groupby(["group", "tested"])["found"]}
    found = pd.DataFrame(
        [(group, tested, score) for (group, tested), score in scores.items()], columns=["group", "tested", "score"]
    )
    return study.groups.drop(columns="score").reset_index(drop=True).merge(found, on="group")


def draw(study: Study, columns: int = 3) -> Figure:
    """A panel a task that was tested at several lengths."""
    rows = over_lengths(study).dropna(subset=["score"])
    panel = partial(_panel, numbers=style.backend_numbers(rows))
    panels = [partial(panel, rows=here) for here in by_place(rows)]
    return style.small_multiples(panels, rows, columns, HEIGHT if panels else HEIGHT / 2)


def _panel(ax: Axes, rows: pd.DataFrame, numbers: Numbers) -> None:
    style.title(ax, rows["place"].iloc[0])
    for one, mine in style.by_series(rows):
        look = style.line_style(one.model, numbers[one.model, one.backend])
        for _, group in mine.groupby("group"):
            scores: list[Estimate] = list(group["score"])
            x = group["tested"].astype(float)
            ax.plot(x, [score.value for score in scores], gid=style.series_id(*one[:2]), **look)
            ends = [score.low for score in scores], [score.high for score in scores]
            if group["seeds"].iloc[0] > 1:
                gid = style.series_id(*one[:2])
                ax.vlines(x, *ends, color=look["color"], linewidth=1.4, zorder=look["zorder"], gid=gid)
    share_axis(ax, 1.05)
    baseline_at(ax, rows["baseline_score"].iloc[0])
    style.size_axis(ax, rows["tested"], "time steps of a test sequence")
    trained = rows["steps"].iloc[0]
    left = min(rows["tested"].min(), trained) / ROOM
    ax.set_xlim(left=left)
    ax.axvspan(left, trained, color=style.GRID, alpha=0.5, zorder=0, linewidth=0)
    shortest = rows["shortest_steps"].iloc[0]
    span = f"trained\non {trained}" if pd.isna(shortest) else f"trained on\n{shortest} to {trained}"
    words = {"textcoords": "offset points", "ha": "left", "va": "bottom", "fontsize": 8, "color": style.MUTED}
    ax.annotate(span, (left, 0), (3, 3), xycoords=ax.get_xaxis_transform(), **words)
    ax.set_ylabel(style.literal(rows["score_name"].iloc[0]))
