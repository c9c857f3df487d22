"""What a benchmark found, as lines, as a table, and as a figure."""

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
    """Return the name of an engine, with its cell where it is not the LSTM of its peers."""
    cell = "" if timing.work.cell == "np" else f", {timing.work.cell}"
    return timing.engine.name + cell


def timing_line(timing: Timing, peak: float) -> str:
    """Return a timing as a line to print, with its share of the peak, FLOP/s."""
    work, share = timing.work, timing.work.flops / timing.median / peak
    return (
        f"N{work.units} B{work.batch}  {engine_label(timing):26} {timing.median:8.4f} s a trial-epoch "
        f"({min(timing.seconds):.4f}–{max(timing.seconds):.4f})  {share:4.0%} of peak  "
        f"{3600 / timing.median:9,.0f} an hour  {timing.lanes} lanes  first {timing.first:.1f} s  "
        f"{timing.memory / 2**20:.0f} MiB"
    )


def seconds_by_point(timings: list[Timing]) -> pd.DataFrame:
    """Return median seconds a trial-epoch: a row an engine, a column a point (batch, units)."""
    records = [(engine_label(t), t.work.batch, t.work.units, t.median) for t in timings]
    long = pd.DataFrame(records, columns=["engine", "batch", "units", "seconds"])
    order = long["engine"].unique()
    return long.pivot_table(index="engine", columns=["batch", "units"], values="seconds").loc[order]


def speed_ratios(found: BenchmarkResult) -> pd.DataFrame:
    """Return how much faster we are than whom, for each point (batch, units); empty where a side is missing.

    Against what a user of Keras has, on our default backend; against the fastest peer that is given a core
    each, as we are, on our fastest.
    """
    seconds, rows = seconds_by_point(found.timings), {}
    ours = [engine.name for engine in OWN_ENGINES.values() if engine.name in seconds.index]
    peers = [name for name in PINNED_PEERS if name in seconds.index]
    if ours and DEFAULT_KERAS.name in seconds.index:
        rows[f"{DEFAULT_KERAS.name} ÷ {ours[0]}"] = seconds.loc[DEFAULT_KERAS.name] / seconds.loc[ours[0]]
    if ours and peers:
        rows["fastest peer ÷ our fastest"] = seconds.loc[peers].min() / seconds.loc[ours].min()
    return pd.DataFrame(rows).T.reindex(columns=seconds.columns)


def peak_shares(found: BenchmarkResult) -> pd.DataFrame:
    """Return the rate of our fastest LSTM as a share of those at which matrices are multiplied.

    Of large matrices, and of the recurrent product of each point (batch, units).
    """
    ours = [t for t in found.timings if t.engine in OWN_ENGINES.values() and t.work.cell == "np"]
    seconds = seconds_by_point(ours).min()
    flops = {(t.work.batch, t.work.units): t.work.flops for t in ours}
    rates = pd.Series(flops, dtype=float).reindex(seconds.index) / seconds
    own = pd.Series(found.rates, dtype=float).reindex(seconds.index)
    rows = {"our share of the peak": rates / found.peak, "our share of its own product": rates / own}
    return pd.DataFrame(rows).T.reindex(columns=seconds.index)


def timings_markdown(found: BenchmarkResult) -> str:
    """Return a table: milliseconds a trial-epoch, then ratios, and their geometric means by batch size."""
    seconds, compared = seconds_by_point(found.timings), speed_ratios(found)
    rows = [["ms a trial-epoch", *(f"B{batch} N{units}" for batch, units in seconds.columns)]]
    rows.append(["---"] + ["---:"] * len(seconds.columns))
    rows += [[name, *(f"{1000 * s:.1f}" for s in values)] for name, *values in seconds.itertuples()]
    rows += [[f"*{name}*", *(f"{r:.2f}" for r in values)] for name, *values in compared.itertuples()]
    rows += [
        [f"*{name}*", *(f"{r:.2f}" for r in values)] for name, *values in peak_shares(found).itertuples()
    ]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    means = np.exp(np.log(compared).T.groupby(level="batch").mean())
    for name in compared.index:
        said = ", ".join(f"batch {batch} {mean:.2f}×" for batch, mean in means[name].items())
        text += f"\n\nGeometric mean of {name}: {said}."
    return text + "\n"


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
    panels[0].set_ylabel("seconds a trial-epoch")
    handles, labels = panels[-1].get_legend_handles_labels()
    panels[-1].get_legend().remove()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure


def write_timings(folder: Path, found: BenchmarkResult) -> None:
    """Write timings.json, timings.md and timings.svg into a folder."""
    said = {
        "device": machine.processor_name(),
        "cores": len(machine.usable_cores()),
        "versions": machine.package_versions(),
    }
    rates = [{"batch": batch, "units": units, "rate": r} for (batch, units), r in found.rates.items()]
    timings = [asdict(timing) | {"median": timing.median} for timing in found.timings]
    content = said | {"peak": found.peak, "rates": rates, "timings": timings}
    files.write_atomic(folder / "timings.json", json.dumps(content, indent=1).encode())
    files.write_atomic(folder / "timings.md", timings_markdown(found).encode())
    timings_figure(found.timings).savefig(folder / "timings.svg")
