"""The published reports follow from the published rows, byte for byte."""

from pathlib import Path

import pytest

from suite import store
from suite.report import write_report

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["reference"])
def test_a_published_report_is_that_of_the_published_rows(name, tmp_path):
    results = ROOT / "results" / name
    write_report(
        store.load(results),
        store.read_sweep(results),
        tmp_path,
        lambda keys: store.load_curves(results, keys),
    )
    published = ROOT / "reports" / name
    files = {path.relative_to(published) for path in published.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    files = {file for file in files if file.suffix != ".png"}  # SVG shows the same
    assert [file for file in files if (published / file).read_bytes() != (tmp_path / file).read_bytes()] == []
