"""`odyssey bench`: how fast the engine is."""

import os
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.cli.common import Backend, canonical_names, parse_integers, select_backend, split_names


def bench(
    cell: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL[,CELL…]",
            help="Variants to time on this engine only, without the other engines.",
            show_default="the LSTM without peepholes, on all engines",
        ),
    ] = None,
    units: Annotated[
        list[str] | None,
        typer.Option(metavar="N[,N…]", help="Units of the layer.", show_default="32,100,200"),
    ] = None,
    batch: Annotated[
        list[str] | None,
        typer.Option(metavar="N[,N…]", help="Sequences per update.", show_default="1,8,32"),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="Number of timed epochs for each engine.")] = 5,
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling",
            help="Measure instead how time grows with units, steps, lanes, workers and trials.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write timings.json, a table and a figure into.", show_default="none is written"
        ),
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option(help="Backend of this engine.", show_default="all that are installed"),
    ] = None,
) -> None:
    """Time this engine and other libraries on the same work: 229 sequences × 60 steps × 88 notes."""
    from importlib.util import find_spec
    from itertools import product

    cell_names = split_names("--cell", cell)
    sizes = parse_integers("--units", units) or [32, 100, 200]
    batches = parse_integers("--batch", batch) or [1, 8, 32]
    if repeats < 1:
        raise Refusal(f"--repeats: expected at least 1, got {repeats}")
    from suite import bench as benchmark
    from suite import machine, text, variants

    cell_names = list(canonical_names("--cell", cell_names, variants.canonical_variant))
    backends = [str(backend)] if backend else [name for name in benchmark.OWN_ENGINES if find_spec(name)]
    select_backend(backend or Backend(os.environ.get("KERAS_BACKEND") or backends[0]))
    if scaling:
        return print_scaling(repeats)
    from suite.bench import table

    peak = None
    if not machine.gpu_memories():
        peak = benchmark.peak_rate()
        cores = text.format_count(len(machine.usable_cores()), "core")
        print(f"matrix product on {cores}: {peak / 1e9:.0f} GFLOP/s")
    result = benchmark.BenchmarkResult(peak)
    for size, sequences in product(sizes, batches):
        point = benchmark.Workload(size, sequences)
        if peak:
            result.rates[sequences, size] = benchmark.product_rate(size, sequences, repeats)
        timings = benchmark.compare_engines(cell_names, point, backends, repeats)
        result.timings += timings
        for timing in timings:
            print(table.timing_line(timing, peak), flush=True)
    print(table.timings_markdown(result))
    if out:
        table.write_timings(out, result)


def print_scaling(repeats: int) -> None:
    """Print how the seconds of an epoch grow with each size of the work, one line for each size."""
    from itertools import groupby

    from suite.bench import scaling

    measured = scaling.measure_scaling(os.environ["KERAS_BACKEND"], repeats)
    for name, points in groupby(measured, key=lambda point: point[0]):
        sizes, seconds = zip(*((size, value) for _, size, value in points), strict=True)
        pairs = "  ".join(f"{size}: {value:.3g}" for size, value in zip(sizes, seconds, strict=True))
        exponent = scaling.growth_exponent(sizes, seconds)
        print(f"{name:8} seconds ~ size^{exponent:.2f}   {pairs}", flush=True)
