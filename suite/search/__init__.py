"""Search and sweep: asking oracles for trials, and training them on workers until all are done."""

import os

from suite import registry

registry.refuse_shadowed_tasks()  # here, as whatever runs a search, a worker too, comes by

CONNECT_TIMEOUT = "120s"  # a busy machine is no dead one
DASK_ENV = {  # read when Dask is imported, here and in its processes
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": CONNECT_TIMEOUT,
    "DASK_LOGGING__DISTRIBUTED": "critical",  # errors of a unit come back as such
    # a laptop that has slept for an hour finds its workers silent for as long: none is sent away for that
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "None",
}
for name, value in DASK_ENV.items():
    os.environ.setdefault(name, value)


def hypermodel(task, cell, **settings):
    """Return a `keras_tuner.HyperModel` of a cell on a task; see `suite.search.stock.Hypermodel`."""
    from suite.search.stock import Hypermodel

    return Hypermodel(task, cell, **settings)
