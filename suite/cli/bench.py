"""`odyssey bench`: how fast the engine is."""

import os
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.cli.common import Backend, select_backend


def bench(
    cell: Annotated[
        list[str] | None, typer.Option(help="Cells of this engine, instead of all engines.")
    ] = None,
    units: Annotated[list[int] | None, typer.Option(help="Else 32, 100 and 200.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Else 1, 8 and 32.")] = None,
    repeats: int = 5,
    scaling: Annotated[bool, typer.Option(help="How time grows with the work, instead.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for timings.json, a table and a figure.")] = None,
    backend: Annotated[Backend | None, typer.Option(help="This one alone of ours.")] = None,
) -> None:
    """Time this engine and its peers on the reference work: 229 sequences × 60 steps × 88 notes."""
    from importlib.util import find_spec
    from itertools import groupby, product

    from suite import bench as of
    from suite import cells, machine, registry
    from suite.bench import scaling as growth
    from suite.bench import table

    for name in cell or ():
        if ":" not in name and name not in cells.cell_references():
            raise registry.unknown_name_error("cell", name, cells.cell_references())
    for name, values in (("units", units or [1]), ("batch", batch or [1]), ("repeats", [repeats])):
        if min(values) < 1:
            raise Refusal(f"{name}: expected at least 1, got {min(values)}")
    backends = [backend] if backend else [name for name in of.OWN_ENGINES if find_spec(name)]
    select_backend(backend or os.environ.get("KERAS_BACKEND") or backends[0])
    if scaling:
        for name, found in groupby(
            growth.measure_scaling(os.environ["KERAS_BACKEND"], repeats), lambda f: f[0]
        ):
            sizes, seconds = zip(*((size, s) for _, size, s in found), strict=True)
            pairs = "  ".join(f"{size}: {s:.4f}" for size, s in zip(sizes, seconds, strict=True))
            print(
                f"{name:8} seconds ~ size^{growth.growth_exponent(sizes, seconds):.2f}   {pairs}", flush=True
            )
        return
    peak = of.peak_rate()
    print(f"matrix product on {len(machine.usable_cores())} cores: {peak / 1e9:.0f} GFLOP/s")
    points = [of.Workload(*point) for point in product(units or (32, 100, 200), batch or (1, 8, 32))]
    found = of.BenchmarkResult(peak)
    for point in points:
        found.rates[point.batch, point.units] = of.product_rate(point.units, point.batch, repeats)
        timed = of.compare_engines(cell, point, backends, repeats)
        found.timings += timed
        for t in timed:
            print(table.timing_line(t, peak), flush=True)
    print(table.timings_markdown(found))
    if out:
        table.write_timings(out, found)
