"""Search and sweep: ask oracles for trials and train them on workers until all are done."""

import os
from typing import TYPE_CHECKING, Any

from suite import registry

if TYPE_CHECKING:  # imports Keras
    from suite.cells.base import Cell
    from suite.search.stock import Hypermodel
    from suite.task import Task

registry.refuse_shadowed_tasks()  # here, because everything that runs a search imports this, workers too

CONNECT_TIMEOUT = "120s"  # a process of a busy machine may take long to answer
DASK_ENV = {  # Dask reads these when it is imported, in this process and in the workers
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": CONNECT_TIMEOUT,
    "DASK_LOGGING__DISTRIBUTED": "critical",  # errors in a unit are raised in the driver anyway
    # Dask removes a worker that has been silent for long: after a laptop has slept, that would be all of them
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "None",
}
for name, value in DASK_ENV.items():
    os.environ.setdefault(name, value)


def hypermodel(task: "str | Task", variant: "str | type[Cell]", **settings: Any) -> "Hypermodel":
    """Return a `keras_tuner.HyperModel` of a variant on a task; see `suite.search.stock.Hypermodel`."""
    from suite.search.stock import Hypermodel

    return Hypermodel(task, variant, **settings)
