"""Warnings name the line that called the package, however deep they arise."""

import inspect
import warnings

import numpy as np
import pytest

import mxne_rs

RNG = np.random.default_rng(0)
GAIN, DATA = RNG.standard_normal((20, 90)), RNG.standard_normal((20, 5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: mxne_rs.solve_mxne(GAIN, DATA, 1.0, max_iter=1),
        lambda: mxne_rs.solve_path(GAIN, DATA, n_alphas=2, max_iter=1),
        lambda: mxne_rs.solve_batch(GAIN, [DATA], 1.0, max_iter=1),
        lambda: mxne_rs.solve_sure(GAIN, DATA, n_alphas=2, rng=0),
        lambda: mxne_rs.choose_alpha(GAIN, DATA, n_alphas=2, method="gof", gof=0.99),
    ],
)
def test_a_warning_names_the_line_of_the_caller(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught
    assert {one.filename for one in caught} == {__file__}
    assert {one.lineno for one in caught} == {inspect.getsourcelines(call)[1]}
