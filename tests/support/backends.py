"""Where the parts of a study may be solved."""

import joblib

from mxne_rs.study import run_study

BACKENDS = ("here", "one thread", "loky", "dask")


def run_on(backend, request, study, **how):
    """Run a study somewhere."""
    if backend == "here":
        return run_study(study, **how)
    if backend == "one thread":
        return run_study(study, n_jobs=1, **how)
    if backend == "loky":
        return run_study(study, n_jobs=2, **how)
    with joblib.parallel_config(**request.getfixturevalue("dask_backend")):
        return run_study(study, **how)
