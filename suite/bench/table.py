"""Format the results of a benchmark as lines, as a table, and as a figure."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from suite import files, machine
from suite.bench import DEFAULT_KERAS, OWN_ENGINES, PEER_ENGINES, BenchmarkResult, Timing

PINNED_PEERS = [peer.name for peer in PEER_ENGINES if peer.core_each]


def engine_label(timing: Timing) -> str:
    """Return the label of an engine, with its cell unless that is `np`, the LSTM that peers train."""
    cell = "" if timing.work.cell == "np" else f", {timing.work.cell}"
    return timing.engine.name + cell


def timing_line(timing: Timing, peak: float | None) -> str:
    """Return a timing as a line of text; `peak` is the rate of large matrix products in FLOP/s, if known."""
    work = timing.work
    share = f"{work.flops / timing.median / peak:4.0%} of peak  " if peak else ""
    return (
        f"N{work.units} B{work.batch}  {engine_label(timing):26} {timing.median:8.4f} s per trial-epoch "
        f"({min(timing.seconds):.4f}–{max(timing.seconds):.4f})  {share}"
        f"{3600 / timing.median:9,.0f} an hour  {timing.lanes} lanes  first {timing.first:.1f} s  "
        f"{timing.memory / 2**20:.0f} MiB"
    )


def seconds_by_point(timings: list[Timing]) -> pd.DataFrame:
    """Return median seconds per trial-epoch, one row per engine, one column per point (batch, units)."""
    records = [(engine_label(t), t.work.batch, t.work.units, t.median) for t in timings]
    long = pd.DataFrame(records, columns=["engine", "batch", "units", "seconds"])
    order = long["engine"].unique()
    return long.pivot_table(index="engine", columns=["batch", "units"], values="seconds").loc[order]


def speed_ratios(result: BenchmarkResult) -> pd.DataFrame:
    """Return how many times faster this suite is than its peers, a column for each point (batch, units).

    The first row compares it, on its default backend, with `fit` of Keras. The second compares its fastest
    backend with the fastest peer that also runs a process for each core. A row is left out if one of its
    engines was not timed.
    """
    seconds = seconds_by_point(result.timings)
    rows = {}
    own_engines = [engine.name for engine in OWN_ENGINES.values() if engine.name in seconds.index]
    peers = [name for name in PINNED_PEERS if name in seconds.index]
    if own_engines and DEFAULT_KERAS.name in seconds.index:
        name = f"{DEFAULT_KERAS.name} ÷ {own_engines[0]}"
        rows[name] = seconds.loc[DEFAULT_KERAS.name] / seconds.loc[own_engines[0]]
    if own_engines and peers:
        rows["fastest peer ÷ our fastest"] = seconds.loc[peers].min() / seconds.loc[own_engines].min()
    return pd.DataFrame(rows).T.reindex(columns=seconds.columns)


def peak_shares(result: BenchmarkResult) -> pd.DataFrame:
    """Return the FLOP/s of this suite's fastest LSTM relative to those of bare matrix products.

    The rows are relative to products of large matrices and to the recurrent product of each point (batch,
    units); the columns are these points.
    """
    own_timings = [t for t in result.timings if t.engine in OWN_ENGINES.values() and t.work.cell == "np"]
    seconds = seconds_by_point(own_timings).min()
    flops = {(t.work.batch, t.work.units): t.work.flops for t in own_timings}
    rates = pd.Series(flops, dtype=float).reindex(seconds.index) / seconds
    product_rates = pd.Series(result.rates, dtype=float).reindex(seconds.index)
    rows = {"our share of its own product": rates / product_rates} if result.rates else {}
    if result.peak:
        rows = {"our share of the peak": rates / result.peak} | rows
    return pd.DataFrame(rows).T.reindex(columns=seconds.index)


def timings_markdown(result: BenchmarkResult) -> str:
    """Return a table of milliseconds per trial-epoch, with ratios and their geometric means by batch size."""
    seconds, ratios = seconds_by_point(result.timings), speed_ratios(result)
    rows = [["ms a trial-epoch", *map("B{0[0]} N{0[1]}".format, seconds.columns)]]
    rows.append(["---"] + ["---:"] * len(seconds.columns))
    rows += [[str(name), *map(milliseconds, values)] for name, values in seconds.iterrows()]
    for frame in (ratios, peak_shares(result)):
        rows += [[f"*{name}*", *(f"{value:.2f}" for value in values)] for name, values in frame.iterrows()]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    means = ratios.map(np.log).T.groupby(level="batch").mean().map(np.exp)
    for name in ratios.index:
        by_batch = ", ".join(f"batch {batch} {mean:.2f}×" for batch, mean in means[name].items())
        text += f"\n\nGeometric mean of {name}: {by_batch}."
    return text + "\n"


def milliseconds(seconds: float) -> str:
    """Return seconds as a number of milliseconds, with a hundredth below ten."""
    return f"{1000 * seconds:.{1 if seconds >= 0.01 else 2}f}"


def timings_figure(timings: list[Timing]) -> Figure:
    """Return the seconds of every engine, a panel for each batch size, with the span of the repeats."""
    records = [(engine_label(t), t.work.batch, t.work.units, s) for t in timings for s in t.seconds]
    repeats = pd.DataFrame(records, columns=["engine", "batch", "units", "seconds"])
    engines = list(repeats["engine"].unique())
    dashes = {name: "" if name.startswith("odyssey") else (1, 1.65) for name in engines}
    look = {"markers": True, "dashes": dashes, "palette": sns.color_palette("colorblind", len(engines))}
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    batches = sorted(repeats["batch"].unique())
    panels = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for axes, batch in zip(panels, batches, strict=True):
        some = repeats[repeats["batch"] == batch]
        axes.set(xscale="log", yscale="log")
        sns.lineplot(
            some,
            x="units",
            y="seconds",
            hue="engine",
            hue_order=engines,
            style="engine",
            style_order=engines,
            estimator="median",
            errorbar=("pi", 100),
            err_style="bars",
            legend=bool(batch == batches[-1]),
            ax=axes,
            **look,
        )
        units = sorted(some["units"].unique())
        axes.set(title=f"batch {batch}", xlabel="units", ylabel="")
        axes.set_xlim(units[0] / 1.3, units[-1] * 1.3)
        axes.set_xticks(units, units)
        axes.minorticks_off()
    panels[0].set_ylabel("seconds per trial-epoch")
    handles, labels = panels[-1].get_legend_handles_labels()
    panels[-1].get_legend().remove()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure


def device_name() -> str:
    """Return the name of the GPU that the engines used, or of the processor."""
    return machine.query_gpus("name")[0] if machine.gpu_memories() else machine.processor_name()


def write_timings(folder: Path, result: BenchmarkResult) -> None:
    """Write timings.json, timings.md and timings.svg into a folder."""
    about = {
        "device": device_name(),
        "cores": len(machine.usable_cores()),
        "versions": machine.package_versions(),
    }
    rates = [{"batch": batch, "units": units, "rate": r} for (batch, units), r in result.rates.items()]
    timings = [asdict(timing) | {"median": timing.median} for timing in result.timings]
    content = about | {"peak": result.peak, "rates": rates, "timings": timings}
    files.write_atomic(folder / "timings.json", json.dumps(content, indent=1).encode())
    files.write_atomic(folder / "timings.md", timings_markdown(result).encode())
    timings_figure(result.timings).savefig(folder / "timings.svg")
