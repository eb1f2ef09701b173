"""What the papers on coverage-guided tests claim and what was wanted here, decided; and what was found."""

from __future__ import annotations

from functools import partial

from analysis import units
from analysis.related.coverage.data import GENETIC, GRADIENT, MODELS, RANDOM, STATE, TEMPORAL, met_share, rate
from analysis.related.engine.chapter import DIFFERENCE, SHARE, Claim, Found, Frames, by_seed, holds, over_seeds
from analysis.vocabulary import counted, joined

ENOUGH, FEW = 0.8, 0.2  # of the open requirements: expected of the genetic generator, and of the random one
SIMILAR = 0.5  # the cosine from which a trigger counts as shown
LONGEST = 60.0  # seconds for a metric


def _share_met(frames: Frames, model: str, generator: str, least: bool, bound: float) -> Found:
    found = over_seeds(met_share(frames, model, generator), within=SHARE)
    if found is None:
        return None
    return (found.at_least(bound) if least else found.at_most(bound)), found.words(units.share)


def _efficient(frames: Frames, model: str) -> Found:
    difference = over_seeds(
        met_share(frames, model, GENETIC) - met_share(frames, model, RANDOM), within=DIFFERENCE
    )
    if difference is None:
        return None
    return difference.above(0), difference.words(lambda share: f"{100 * share:+.1f} points")


def _finds(frames: Frames, model: str) -> Found:
    defects = by_seed(frames["campaigns"], "defects", model=model, generator=GENETIC, metric=TEMPORAL)
    words = ", ".join(f"{int(one)}" for one in defects)
    return None if defects.empty else (holds(bool((defects > 0).all())), f"{words} (seed by seed)")


def _more(frames: Frames, model: str, other: str, metric: str = TEMPORAL) -> Found:
    rates = [rate(frames, model, GENETIC), rate(frames, model, other, metric)]
    difference = over_seeds(rates[0] - rates[1])
    if difference is None:
        return None
    each = " against ".join(units.per_cent(one.mean()) for one in rates)
    return difference.above(0), f"{each} of the evaluations ({counted(difference.seeds, 'seed')})"


def _backdoor(frames: Frames) -> Found:
    planted = frames["backdoors"][frames["backdoors"]["planted"].astype(bool)]
    if planted.empty:
        return None
    similar = planted["similarity"].astype("float64").fillna(-1.0)
    found = bool((similar >= SIMILAR).all())
    words = ", ".join("none found" if one < 0 else f"{one:.2f}" for one in similar)
    return holds(found), f"similarity {words} (seed by seed)"


def _quick(frames: Frames) -> Found:
    speed = frames["speed"]
    if speed.empty:
        return None
    slowest = speed.loc[speed["seconds"].astype(float).idxmax()]
    words = f"{slowest['metric']} coverage {slowest['seconds']:.1f} s, the others less"
    return holds(float(slowest["seconds"]) <= LONGEST), words


CLAIMS = [
    *(
        Claim(
            f"The genetic generator makes tests efficiently ({label}).",
            "2022, abstract",
            "at equal evaluations it meets more of the open temporal requirements than random tests, seed by seed",
            partial(_efficient, model=model),
        )
        for model, label in MODELS.items()
    ),
    Claim(
        "Tests that are made for coverage find defects.",
        "2022, abstract",
        "the genetic generator finds at least one in the LSTM, with every seed",
        partial(_finds, model="lstm"),
    ),
    *(
        Claim(
            f"They find them better than {words}.",
            "2022, abstract",
            "a larger share of the genetic generator's evaluations is adversarial in the LSTM, seed by seed",
            partial(_more, model="lstm", other=other),
        )
        for other, words in ((RANDOM, "tests without coverage"), (GRADIENT, "attacks along the gradient"))
    ),
    Claim(
        "Aimed at temporal coverage they find them better than aimed at DeepStellar's states.",
        "2022, abstract",
        "a larger share of the genetic generator's evaluations is adversarial in the LSTM, seed by seed",
        partial(_more, model="lstm", other=GENETIC, metric=STATE),
    ),
]
BARS = [
    *(
        Claim(
            f"The genetic generator meets most of what the first random tests left open ({label}).",
            "113 to 117 of 119 to 124 seen once, of the LSTM",
            f"at least {units.per_cent(ENOUGH)}",
            partial(_share_met, model=model, generator=GENETIC, least=True, bound=ENOUGH),
        )
        for model, label in MODELS.items()
    ),
    *(
        Claim(
            f"Random tests meet little of it at equal evaluations ({label}).",
            "3 to 7 of 119 to 124 seen once, of the LSTM",
            f"at most {units.per_cent(FEW)}",
            partial(_share_met, model=model, generator=RANDOM, least=False, bound=FEW),
        )
        for model, label in MODELS.items()
    ),
    Claim(
        "A planted backdoor is found by the genetic generator, and its trigger shown.",
        "wanted here",
        f"similarity of at least {SIMILAR:g} to what was planted, with every seed",
        _backdoor,
    ),
    Claim(
        "Every metric measures 10,000 sequences of 64 steps of an LSTM-128 in a minute.",
        "wanted here",
        f"at most {LONGEST:.0f} s on one thread",
        _quick,
    ),
]


def headlines(frames: Frames) -> list[str]:
    """What is met and found, of both nets."""
    said = []
    parts = []
    for model, label in MODELS.items():
        shares = [over_seeds(met_share(frames, model, generator)) for generator in (GENETIC, RANDOM)]
        if all(shares):
            ours, theirs = (units.per_cent(one.estimate.value) for one in shares)
            parts.append(f"{ours} of the {label}'s (random tests: {theirs})")
    if parts:
        said.append(
            f"The genetic generator meets {joined(parts)} temporal requirements that the first "
            "random tests left open."
        )
    rates = {model: over_seeds(rate(frames, model, GRADIENT)) for model in MODELS}
    if all(rates.values()):
        words = joined(
            [f"{units.per_cent(rates[model].estimate.value)} of the {MODELS[model]}'s" for model in MODELS]
        )
        said.append(f"Of tests along the gradient {words} are adversarial.")
    verdict = _backdoor(frames)
    if verdict:
        planted = frames["backdoors"][frames["backdoors"]["planted"].astype(bool)]
        number = int((planted["similarity"].astype("float64").fillna(-1.0) >= SIMILAR).sum())
        said.append(f"A planted backdoor is found, and its trigger shown, with {number} of {len(planted)} seeds.")
    return said
