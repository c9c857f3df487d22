"""The benchmark runs every engine and computes its tables correctly; speed itself is not tested."""

import contextlib
import json
from dataclasses import replace

import pytest

from suite import bench
from suite.bench import scaling, table
from suite.search import clusters, sweep

FAST = replace(bench.PRODUCT_ENGINES[0], core_each=False)


def test_an_engine_is_timed_in_every_repeat():
    [timing] = bench.time_engines([(FAST, bench.Workload(64, 8))], repeats=2)
    assert len(timing.seconds) == 2
    assert all(seconds > 0 for seconds in timing.seconds)
    assert timing.memory > 2**20


def test_the_error_of_an_engine_that_fails_is_shown():
    broken, no_units = replace(FAST, name="broken"), bench.Workload(units=0, batch=1)
    with pytest.raises(RuntimeError, match=r"broken: (.|\n)*ZeroDivisionError: "):
        bench.time_engines([(broken, no_units)], repeats=1)


def test_flops_are_those_of_the_matrix_products():
    """Hand-worked for one unit: 88·4 + 4 + 88 multiplications and additions a step, three times."""
    assert bench.Workload(1, 1).flops == 3 * 2 * (88 * 4 + 4 + 88) * 229 * 60
    assert bench.Workload(1, 1, cell="fgr").flops == 3 * 2 * (88 * 4 + 4 + 9 + 88) * 229 * 60


def test_the_product_rate_is_that_of_the_fastest_library(monkeypatch):
    """An epoch of products is 10⁹ operations, and the fastest library needs half a second for it."""
    seconds = iter([1.0, 0.5, 2.0])

    def time_engines(pairs, repeats):
        return [bench.Timing(engine, work, 1, [next(seconds)], 0.0, 0) for engine, work in pairs]

    monkeypatch.setattr(bench, "time_engines", time_engines)
    monkeypatch.setattr(bench, "installed_engines", list)
    assert bench.product_rate(100, 8) == pytest.approx(2e9, rel=1e-3)


@pytest.mark.parametrize("engine", bench.PRODUCT_ENGINES, ids=lambda engine: engine.backend)
def test_every_library_multiplies_matrices(engine):
    [timing] = bench.time_engines(
        bench.installed_engines([(replace(engine, core_each=False), bench.Workload(64, 8))]), repeats=1
    )
    assert timing.median > 0


@pytest.fixture
def result():
    """Return a result at two points: 2 and 8 times as fast as Keras, 1 and 4 times as fast as the peer."""
    tensorflow, jax, torch = bench.OWN_ENGINES["tensorflow"], bench.OWN_ENGINES["jax"], bench.PEER_ENGINES[-1]
    seconds = {tensorflow: (2.0, 1.0), jax: (1.0, 2.0), bench.DEFAULT_KERAS: (4.0, 8.0), torch: (1.0, 4.0)}
    timings = [
        bench.Timing(engine, bench.Workload(units, 8), 1, [s * 0.9, s, s * 1.2], 1.0, 2**20)
        for engine, each in seconds.items()
        for units, s in zip((32, 100), each, strict=True)
    ]
    rates = {(8, 32): bench.Workload(32, 8).flops / 2, (8, 100): bench.Workload(100, 8).flops}
    return bench.BenchmarkResult(bench.Workload(32, 8).flops, rates, timings)


def test_speed_is_compared_with_default_keras_and_with_the_fastest_peer(result):
    assert table.speed_ratios(result).to_numpy().tolist() == [[2, 8], [1, 4]]
    text = table.timings_markdown(result)
    assert "Geometric mean of Keras fit, TensorFlow ÷ odyssey, TensorFlow: batch 8 4.00×." in text
    assert "Geometric mean of fastest peer ÷ our fastest: batch 8 2.00×." in text
    assert "| odyssey, JAX | 1000.0 | 2000.0 |" in text


def test_shares_are_relative_to_the_peak_and_to_the_product_of_each_point(result):
    result.timings += [replace(t, work=replace(t.work, cell="rnn")) for t in result.timings]  # left out
    of_peak, of_own = table.peak_shares(result).to_numpy().tolist()
    assert of_peak == [1, bench.Workload(100, 8).flops / bench.Workload(32, 8).flops]
    assert of_own == [2, 1]


def test_points_are_ordered_by_batch_and_units(result):
    more = [replace(t, work=bench.Workload(t.work.units, 1)) for t in result.timings]
    ratios = table.speed_ratios(replace(result, timings=result.timings[::-1] + more))
    assert ratios.columns.tolist() == [(1, 32), (1, 100), (8, 32), (8, 100)]
    assert ratios.iloc[1].tolist() == [1, 4, 1, 4]


def test_a_ratio_without_one_of_its_engines_is_left_out(result):
    own = [t for t in result.timings if t.engine.function == "odyssey"]
    peers = [t for t in result.timings if t not in own]
    for timings in (own, peers):
        assert table.speed_ratios(replace(result, timings=timings)).empty
    assert table.peak_shares(replace(result, timings=peers)).empty
    cells = [replace(t, work=replace(t.work, cell="fgr")) for t in own]
    assert table.peak_shares(replace(result, timings=cells)).empty
    assert "odyssey, JAX, fgr" in table.timings_markdown(replace(result, timings=cells))


def test_timings_are_written_as_json_and_as_a_figure(result, tmp_path):
    table.write_timings(tmp_path / "new", result)
    written = json.loads((tmp_path / "new" / "timings.json").read_text())
    assert [t["median"] for t in written["timings"]] == [t.median for t in result.timings]
    assert (tmp_path / "new" / "timings.svg").stat().st_size > 10_000


def test_a_single_point_can_be_drawn(result):
    assert table.timings_figure(result.timings[:1]).axes


def test_the_growth_exponent_is_the_slope_on_logarithmic_scales():
    assert scaling.growth_exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)


def test_the_search_that_is_timed_has_as_many_trials_as_given(monkeypatch):
    configs = []
    monkeypatch.setattr(clusters, "LocalExecutor", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(sweep, "run_sweep", lambda config, *_, **__: configs.append(config) or [])
    assert scaling.search_seconds(8) > 0
    [config] = configs
    assert (config.tasks, config.cells, config.trials_per_search) == (("adding",), ("np",), 8)
