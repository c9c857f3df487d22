"""The benchmark measures what it says; what it measures is no matter of tests."""

import json
from dataclasses import replace

import pytest

from suite import bench
from suite.bench import scaling, table

FAST = replace(bench.PEAK, core_each=False)


def test_an_engine_trains_when_told_and_is_timed():
    [timing] = bench.run([(FAST, bench.Work(64, 1))], repeats=2)
    assert len(timing.seconds) == 2
    assert all(seconds > 0 for seconds in timing.seconds)
    assert timing.memory > 2**20


def test_an_engine_that_fails_says_why():
    broken = replace(FAST, name="broken", function="nothing")
    with pytest.raises(RuntimeError, match=r"broken: (.|\n)*KeyError: 'nothing'"):
        bench.run([(broken, bench.Work(1, 1))], repeats=1)


def test_the_flops_are_those_of_the_products():
    """Hand-worked for one unit: 88·4 + 4 + 88 multiplications and additions a step, three times."""
    assert bench.Work(1, 1).flops == 3 * 2 * (88 * 4 + 4 + 88) * 229 * 60


@pytest.fixture
def timings():
    """At two points, two and eight times as fast as Keras, once and four times as fast as a peer."""
    tensorflow, jax, torch = bench.OURS["tensorflow"], bench.OURS["jax"], bench.PEERS[-1]
    seconds = {tensorflow: (2.0, 1.0), jax: (1.0, 2.0), bench.USER: (4.0, 8.0), torch: (1.0, 4.0)}
    return [
        bench.Timing(engine, bench.Work(units, 8), 1, [s * 0.9, s, s * 1.2], 1.0, 2**20)
        for engine, found in seconds.items()
        for units, s in zip((32, 100), found, strict=True)
    ]


def test_ratios_are_to_the_default_and_to_the_fastest(timings):
    ratios = table.ratios(timings, rate=bench.Work(32, 8).flops)
    assert ratios.iloc[0].tolist() == [2, 8]
    assert ratios.iloc[1].tolist() == [1, 4]
    assert ratios.iloc[2, 0] == 1
    text = table.markdown(timings, rate=1e9)
    assert "Geometric mean of Keras fit, TensorFlow ÷ odyssey, TensorFlow: batch 8 4.00×." in text
    assert "Geometric mean of fastest peer ÷ our fastest: batch 8 2.00×." in text
    assert "| odyssey, JAX | 1000.0 | 2000.0 |" in text


def test_points_come_in_order_of_batch_and_units(timings):
    more = [replace(t, work=bench.Work(t.work.units, 1)) for t in timings]
    ratios = table.ratios(timings[::-1] + more, rate=1e9)
    assert ratios.columns.tolist() == [(1, 32), (1, 100), (8, 32), (8, 100)]
    assert ratios.iloc[1].tolist() == [1, 4, 1, 4]


def test_ratios_are_left_out_where_a_side_is_missing(timings):
    ours = [t for t in timings if t.engine.function == "odyssey"]
    assert len(table.ratios(ours, rate=1e9)) == 1
    assert table.ratios([t for t in timings if t not in ours], rate=1e9).empty


def test_what_was_measured_is_written(timings, tmp_path):
    table.write(tmp_path / "new", timings, rate=1e9)
    written = json.loads((tmp_path / "new" / "timings.json").read_text())
    assert [t["median"] for t in written["timings"]] == [t.median for t in timings]
    assert (tmp_path / "new" / "timings.svg").stat().st_size > 10_000


def test_a_single_point_is_drawn_too(timings):
    assert table.figure(timings[:1]).axes


def test_the_exponent_is_the_slope():
    assert scaling.exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)
