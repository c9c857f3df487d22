"""Search and sweep: asking oracles for trials, and training them on workers until all are done."""


def hypermodel(task, cell):
    """Return a `keras_tuner.HyperModel` of a cell on a task; both by name. See `suite.search.stock`."""
    from suite.search.stock import Hypermodel

    return Hypermodel(task, cell)
