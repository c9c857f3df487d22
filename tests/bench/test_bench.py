"""The benchmark measures what it says; what it measures is no matter of tests."""

import json
from dataclasses import replace

import pytest

from suite import bench


def test_an_engine_trains_when_told_and_is_timed():
    fast = replace(bench.PEAK, core_each=False)
    [[timing]] = bench.run([fast], [(0, 0)], repeats=2)
    assert len(timing.seconds) == 2
    assert all(seconds > 0 for seconds in timing.seconds)
    assert timing.memory > 2**20
    assert "2 s a trial-epoch" in bench.line(replace(timing, units=32, seconds=[1.0, 2.0, 3.0]), 1e9).replace(
        ".0000", ""
    )
    assert json.dumps(bench.to_table([timing]))


def test_an_engine_that_fails_says_why():
    broken = replace(bench.PEAK, name="broken", work="nothing", core_each=False)
    with pytest.raises(RuntimeError, match=r"broken: (.|\n)*KeyError: 'nothing'"):
        list(bench.run([broken], [(0, 0)], repeats=1))


def test_the_flops_are_those_of_the_products():
    """Hand-worked for one unit: 88·4 + 4 + 88 multiplications and additions a step, three times."""
    assert bench.flops(1) == 3 * 2 * (88 * 4 + 4 + 88) * 229 * 60
