"""Variants by name: a cell or a baseline, with options."""

import subprocess
import sys

import pytest
from plugins import install

from suite import Refusal, identity, variants
from suite.axis import Axis
from suite.cells.gru import GRU
from suite.layers.base import Stack
from suite.variants import canonical_variant, find_variant

BASELINE = """
from collections.abc import Mapping
from typing import Annotated
from suite.layers.feedforward import Window
from suite.options import Between

def last(*, steps: Annotated[int, Between(1, 9)] = 2) -> Mapping:
    \"\"\"The last steps.\"\"\"
    return {"window": Window(steps)}
"""


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("lstm", "lstm"),
        ("gru@layers=1", "gru"),
        ("gru@layers=2,direction=both", "gru@direction=both,layers=2"),
        ("window@steps=8", "window"),
        ("conv@taps=2,blocks=3", "conv@blocks=3,taps=2"),
    ],
)
def test_a_variant_has_one_name_however_it_is_spelled(name, canonical):
    assert find_variant(name).name == canonical_variant(name) == canonical


@pytest.mark.parametrize("name", ["gru@skip=yes,layers=2", "suite.cells.gru:GRU@skip=yes,layers=2"])
def test_options_of_a_cell_make_the_layers_of_its_network(name):
    variant = find_variant(name)
    assert variant.cell is GRU
    shapes = Stack(variant.layers("forward")).axes(Axis(fixed=3))
    assert shapes["recurrent/1/W/g"][0] == Axis(fixed=3)
    assert shapes["recurrent/2/W/g"][0] == Axis(units=1, fixed=3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lstn@layers=2", "unknown cell or baseline 'lstn'. Did you mean 'lstm'?"),
        ("windw", "unknown cell or baseline 'windw'. Did you mean 'window'?"),
        ("@layers=2", "unknown cell or baseline ''. Known: rnn, lstm"),
        ("lstm@layer=2", "cell 'lstm@layer=2': unknown option 'layer'. Did you mean 'layers'?"),
        ("module:Cell@layers=17", "layers: expected a whole number, 1 to 16, got '17'"),
        ("window@step=3", "baseline 'window@step=3': unknown option 'step'. Did you mean 'steps'?"),
        ("linear@steps=3", "unknown option 'steps'. Options of linear: none"),
    ],
)
def test_a_name_that_no_variant_has_is_refused_before_a_cell_is_imported(name, said):
    with pytest.raises(Refusal) as refusal:
        canonical_variant(name)
    assert said in str(refusal.value)


def test_names_are_read_without_keras():
    code = (
        "import sys; from suite.variants import canonical_variant, variant_references\n"
        "for name in variant_references(): canonical_variant(name)\n"
        "canonical_variant('module:Cell@layers=2'); assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_baseline_of_an_installed_package_has_options_like_the_others(tmp_path, monkeypatch):
    """Its module may import Keras."""
    (tmp_path / "theirs.py").write_text(BASELINE)
    install(tmp_path, "odyssey.baselines", "last = theirs:last")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(variants.variant_references())[-1] == "last"
    assert canonical_variant("last@steps=2") == "last"
    assert find_variant("last@steps=3").cell is None
    assert identity.cell_hash("last@steps=3") == identity.cell_hash("last")
    sys.modules.pop("theirs")


def test_a_baseline_may_not_have_the_name_of_another(tmp_path, monkeypatch):
    install(tmp_path, "odyssey.baselines", "window = theirs:last")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Refusal, match=r"the name 'window' is taken by suite\.baselines:window"):
        variants.variant_references()
