"""The benchmark measures what it says; what it measures is no matter of tests."""

import json
from dataclasses import replace

import pytest

from suite import bench
from suite.bench import scaling, table

FAST = replace(bench.PRODUCT_ENGINES[0], core_each=False)


def test_an_engine_trains_when_told_and_is_timed():
    [timing] = bench.time_engines([(FAST, bench.Workload(64, 8))], repeats=2)
    assert len(timing.seconds) == 2
    assert all(seconds > 0 for seconds in timing.seconds)
    assert timing.memory > 2**20


def test_an_engine_that_fails_says_why():
    broken, nothing = replace(FAST, name="broken"), bench.Workload(units=0, batch=1)
    with pytest.raises(RuntimeError, match=r"broken: (.|\n)*ZeroDivisionError: "):
        bench.time_engines([(broken, nothing)], repeats=1)


def test_the_flops_are_those_of_the_products():
    """Hand-worked for one unit: 88·4 + 4 + 88 multiplications and additions a step, three times."""
    assert bench.Workload(1, 1).flops == 3 * 2 * (88 * 4 + 4 + 88) * 229 * 60
    assert bench.Workload(1, 1, cell="fgr").flops == 3 * 2 * (88 * 4 + 4 + 9 + 88) * 229 * 60


def test_a_rate_is_that_of_the_fastest_library(monkeypatch):
    """An epoch of products makes 10⁹ operations, in half a second where it takes least."""
    took = iter([1.0, 0.5, 2.0])

    def run(pairs, repeats):
        return [bench.Timing(engine, work, 1, [next(took)], 0.0, 0) for engine, work in pairs]

    monkeypatch.setattr(bench, "time_engines", run)
    monkeypatch.setattr(bench, "installed_engines", list)
    assert bench.product_rate(100, 8) == pytest.approx(2e9, rel=1e-3)


@pytest.mark.parametrize("engine", bench.PRODUCT_ENGINES, ids=lambda engine: engine.backend)
def test_every_library_multiplies(engine):
    [timing] = bench.time_engines(
        bench.installed_engines([(replace(engine, core_each=False), bench.Workload(64, 8))]), repeats=1
    )
    assert timing.median > 0


@pytest.fixture
def found():
    """At two points, two and eight times as fast as Keras, once and four times as fast as a peer."""
    tensorflow, jax, torch = bench.OWN_ENGINES["tensorflow"], bench.OWN_ENGINES["jax"], bench.PEER_ENGINES[-1]
    seconds = {tensorflow: (2.0, 1.0), jax: (1.0, 2.0), bench.DEFAULT_KERAS: (4.0, 8.0), torch: (1.0, 4.0)}
    timings = [
        bench.Timing(engine, bench.Workload(units, 8), 1, [s * 0.9, s, s * 1.2], 1.0, 2**20)
        for engine, each in seconds.items()
        for units, s in zip((32, 100), each, strict=True)
    ]
    rates = {(8, 32): bench.Workload(32, 8).flops / 2, (8, 100): bench.Workload(100, 8).flops}
    return bench.BenchmarkResult(bench.Workload(32, 8).flops, rates, timings)


def test_ratios_are_to_the_default_and_to_the_fastest(found):
    assert table.speed_ratios(found).to_numpy().tolist() == [[2, 8], [1, 4]]
    text = table.timings_markdown(found)
    assert "Geometric mean of Keras fit, TensorFlow ÷ odyssey, TensorFlow: batch 8 4.00×." in text
    assert "Geometric mean of fastest peer ÷ our fastest: batch 8 2.00×." in text
    assert "| odyssey, JAX | 1000.0 | 2000.0 |" in text


def test_shares_are_of_the_peak_and_of_the_product_of_each_point(found):
    found.timings += [replace(t, work=replace(t.work, cell="rnn")) for t in found.timings]  # are left out
    of_peak, of_own = table.peak_shares(found).to_numpy().tolist()
    assert of_peak == [1, bench.Workload(100, 8).flops / bench.Workload(32, 8).flops]
    assert of_own == [2, 1]


def test_points_come_in_order_of_batch_and_units(found):
    more = [replace(t, work=bench.Workload(t.work.units, 1)) for t in found.timings]
    ratios = table.speed_ratios(replace(found, timings=found.timings[::-1] + more))
    assert ratios.columns.tolist() == [(1, 32), (1, 100), (8, 32), (8, 100)]
    assert ratios.iloc[1].tolist() == [1, 4, 1, 4]


def test_what_has_no_other_side_is_left_out(found):
    ours = [t for t in found.timings if t.engine.function == "odyssey"]
    theirs = [t for t in found.timings if t not in ours]
    for alone in (ours, theirs):
        assert table.speed_ratios(replace(found, timings=alone)).empty
    assert table.peak_shares(replace(found, timings=theirs)).empty
    cells = [replace(t, work=replace(t.work, cell="fgr")) for t in ours]
    assert table.peak_shares(replace(found, timings=cells)).empty
    assert "odyssey, JAX, fgr" in table.timings_markdown(replace(found, timings=cells))


def test_what_was_measured_is_written(found, tmp_path):
    table.write_timings(tmp_path / "new", found)
    written = json.loads((tmp_path / "new" / "timings.json").read_text())
    assert [t["median"] for t in written["timings"]] == [t.median for t in found.timings]
    assert (tmp_path / "new" / "timings.svg").stat().st_size > 10_000


def test_a_single_point_is_drawn_too(found):
    assert table.timings_figure(found.timings[:1]).axes


def test_the_exponent_is_the_slope():
    assert scaling.growth_exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)
