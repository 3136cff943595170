"""Calls as small dictionaries: which are made, and how one is built."""

from __future__ import annotations

import inspect
import os
import pickle

import numpy as np
from hypothesis import strategies as st

import mxne_rs
import strange

WIDEST = int(os.environ.get("MXNE_RS_FUZZ_SCALE", "700"))


def columns(gain, locations, n_orient):
    """Gain.columns."""
    return mxne_rs.Gain(gain, n_orient).columns(locations)


def pickled(gain, n_orient):
    """A Gain that went through pickle."""
    return pickle.loads(pickle.dumps(mxne_rs.Gain(gain, n_orient)))


SOLVERS = ["solve_mxne", "solve_irmxne", "solve_path", "solve_batch", "solve_sure"]
OTHERS = ["alpha_max", "duality_gap", "debias", "group_soft_threshold", "whitener", "Gain"]
CALLS = {name: getattr(mxne_rs, name) for name in SOLVERS + OTHERS}
CALLS |= {"Gain.columns": columns, "pickle": pickled}
#: Never by default: the others are given their base value in every call.
OPTIONAL = {"init", "rng", "sigma", "weights", "alphas", "time_limit", "verbose", "n_threads"}


def parameters(name):
    """Names of the arguments of a call."""
    return list(inspect.signature(CALLS[name]).parameters)


@st.composite
def descriptions(draw):
    """A call as a dictionary: which function, on which problem, with what that is strange."""
    name = draw(st.sampled_from(sorted(CALLS)))
    names = parameters(name) + (["data[0]"] if name == "solve_batch" else [])
    arrays = [arg for arg in names if arg in strange.ARRAY_ARGUMENTS]
    # Arrays and numbers are strange in their own ways; some are strange in the other's.
    likely = st.one_of(
        st.tuples(st.sampled_from(arrays), st.sampled_from(sorted(strange.LAYOUTS))),
        st.tuples(st.sampled_from(names), st.sampled_from(sorted(strange.RECIPES))),
    )
    pairs = dict(sorted(draw(st.lists(likely, max_size=3))))
    if WIDEST < 700:
        pairs = {arg: recipe for arg, recipe in pairs.items() if recipe not in strange.EXTREME}
    if pairs.get("n_directions") in strange.TOO_MANY:
        del pairs["n_directions"]
    exponents = st.one_of(st.just(0), st.just(0), st.integers(-WIDEST, WIDEST))
    return {
        "call": name,
        "seed": draw(st.integers(0, 999)),
        "shape": [draw(st.integers(1, most)) for most in (8, 10, 4, 9)],
        "scale": [draw(exponents), draw(exponents)],
        "given": sorted(draw(st.sets(st.sampled_from(sorted(OPTIONAL)), max_size=3))),
        "strange": pairs,
    }


def build(description):
    """The arguments of a call; the same ones each time."""
    base = strange.problem(description["seed"], description["shape"], description["scale"])
    if description["call"] == "solve_batch":
        base["data"] = [base["data"], 0.5 * base["data"]]
    rng = np.random.default_rng(description["seed"])
    arguments = {}
    for name in parameters(description["call"]):
        recipe = description["strange"].get(name)
        if recipe is not None:
            arguments[name] = strange.make(recipe, base.get(name), rng)
        elif name in base and (name not in OPTIONAL or name in description["given"]):
            arguments[name] = base[name]
    recipe = description["strange"].get("data[0]")
    if recipe is not None and isinstance(arguments.get("data"), list):
        arguments["data"] = [strange.make(recipe, arguments["data"][0], rng), arguments["data"][1]]
    return arguments
