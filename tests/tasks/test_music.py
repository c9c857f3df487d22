"""The music tasks: what the files hold, how a score is read, and that the split of the chorales is clean."""

import importlib.util
import itertools
import re
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest

from suite import Refusal
from suite.training.population import train_population
from suite.training.program import Program
from suite.training.trial import Trial
from suite.variants import find_network
from tasks import chorales, find_task, piano_roll

# pieces and frames of train, valid, test; Boulanger-Lewandowski et al. (2012), counted in the files
PUBLISHED = {
    "jsb": ([229, 76, 77], [13_807, 4_602, 4_725]),
    "nottingham": ([694, 173, 170], [176_561, 45_513, 44_463]),
    "musedata": ([524, 135, 124], [245_202, 82_755, 64_339]),
    "piano_midi": ([87, 12, 25], [75_911, 8_540, 19_036]),
}
SCORE = """
<part><measure>
  <attributes><divisions>2</divisions></attributes>
  <note><pitch><step>C</step><octave>4</octave></pitch><duration>3</duration></note>
  <note><grace/><pitch><step>G</step><octave>5</octave></pitch></note>
  <note><pitch><step>B</step><alter>-1</alter><octave>3</octave></pitch><duration>1</duration></note>
</measure><measure>
  <note><rest/><duration>2</duration></note>
  <attributes><divisions>4</divisions></attributes>
  <note><pitch><step>F</step><alter>1</alter><octave>4</octave></pitch><duration>8</duration></note>
  <forward><duration>4</duration></forward>
</measure></part>
"""


@pytest.fixture(scope="module")
def scores():
    """All four-part chorales, near-duplicates too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chorales, "NEAR_DUPLICATES", {})
        return chorales.chorale_rolls()


@pytest.fixture(scope="module")
def pieces(scores):
    return {name: roll for name, roll in scores.items() if name not in chorales.NEAR_DUPLICATES}


@pytest.fixture(scope="module")
def homes(pieces, load):
    """The split in which each chorale is found, by its content."""
    splits = load("chorales")
    result = {target.tobytes(): split for split in splits for target in splits[split].targets}
    return {name: result[roll.tobytes()] for name, roll in pieces.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_has_the_published_pieces_and_frames(name, load):
    splits = load(name).values()
    assert ([len(split) for split in splits], [split.lengths.sum() for split in splits]) == PUBLISHED[name]


@pytest.mark.parametrize("name", ["chorales", *PUBLISHED])
def test_music_predicts_88_notes_at_every_step(name):
    task = find_task(name)
    assert (task.features, task.outputs, task.answers) == (88, 88, "every step")
    assert (task.loss, task.metric, task.unit) == ("bernoulli", "nats", "nats per frame")


@pytest.mark.parametrize("name", ["chorales", *PUBLISHED])
def test_a_tiny_load_has_20_steps_of_a_few_pieces(name, load):
    for split in load(f"{name}@size=tiny").values():
        assert 3 <= len(split) <= 10
        assert set(split.lengths) == {20}
    assert find_task(f"{name}@size=full").name == name


def test_inputs_are_silence_and_the_frames_before():
    roll = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0]], np.uint8)
    split = piano_roll.next_frame_split([roll])
    np.testing.assert_array_equal(split.inputs[0], [[0, 0, 0], [1, 0, 0], [1, 0, 1]])
    np.testing.assert_array_equal(split.targets[0], roll)


def test_a_voice_is_sampled_on_its_quarter_notes():
    assert list(chorales.notes_per_quarter(ElementTree.fromstring(SCORE))) == [60, 60, None, 66, 66, None]


def test_a_roll_holds_the_notes_of_all_voices():
    roll = chorales.roll_from_parts([ElementTree.fromstring(SCORE)] * 4)
    assert [list(np.flatnonzero(frame) + 21) for frame in roll] == [[60], [60], [], [66], [66], []]


def test_the_chorales_are_356_pieces_of_19409_quarter_notes(pieces, homes):
    assert (len(pieces), sum(map(len, pieces.values()))) == (356, 19_409)
    for split, count, steps in (("train", 203, 11_359), ("valid", 74, 4_018), ("test", 79, 4_032)):
        members = [len(pieces[name]) for name, home in homes.items() if home == split]
        assert (len(members), sum(members)) == (count, steps)


def test_a_bwv_number_is_in_one_split(homes):
    placed = {(re.match(r"\d+", name)[0], home) for name, home in homes.items()}
    assert len(placed) == len({number for number, _ in placed})


def test_the_piece_whose_member_is_not_named_xml_is_read(pieces):
    assert pieces["113.8"].shape == (44, 88)


def test_no_two_splits_share_nearly_the_same_setting(pieces, homes):
    names, rolls = list(pieces), list(pieces.values())
    shared = progressions_shared(rolls)
    for i, j in itertools.combinations(range(len(names)), 2):
        if homes[names[i]] != homes[names[j]] and shared[i, j] > 0.15:
            assert shared[i, j] <= 1 / 2, (names[i], names[j])
            assert notes_shared(rolls[i], rolls[j]) <= 4 / 5, (names[i], names[j])


def test_exactly_the_near_duplicates_are_left_out(scores, pieces):
    for dropped, kept in chorales.NEAR_DUPLICATES.items():
        assert progressions_shared([scores[dropped], pieces[kept]])[0, 1] >= 0.93
        assert notes_shared(scores[dropped], pieces[kept]) >= 0.98
    assert np.triu(progressions_shared(list(pieces.values())), 1).max() < 0.87


def progressions_shared(rolls):
    """Share of the successive chords, transposed to the bass of the first, that two pieces have in common."""
    chords = [[np.flatnonzero(frame) for frame in roll] for roll in rolls]
    result = [
        {(tuple(a - a[0]), tuple(b - a[0])) for a, b in itertools.pairwise(piece) if len(a) and len(b)}
        for piece in chords
    ]
    place = {progression: k for k, progression in enumerate(set().union(*result))}
    has = np.zeros((len(rolls), len(place)), np.float32)
    for row, progressions in zip(has, result, strict=True):
        row[[place[progression] for progression in progressions]] = 1
    return has @ has.T / np.minimum.outer(has.sum(1), has.sum(1))


def notes_shared(one, other):
    """Share of the notes that coincide at the best shift in time and pitch, by cross-correlation."""
    size = len(one) + len(other), 2 * 88
    spectrum = np.fft.rfft2(one, size).conj() * np.fft.rfft2(other, size)
    return np.fft.irfft2(spectrum, size).max().round() / min(one.sum(), other.sum())


def test_without_music21_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refusal, match="pip install music21"):
        chorales.load()


def test_another_corpus_is_refused_with_what_was_found(tmp_path, monkeypatch):
    bach = tmp_path / "corpus" / "bach"
    bach.mkdir(parents=True)
    with zipfile.ZipFile(bach / "bwv1.6.mxl", "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<c><rootfiles><rootfile full-path="a.xml"/></rootfiles></c>'
        )
        archive.writestr("a.xml", f"<score>{SCORE * 4}</score>")
    spec = importlib.util.spec_from_file_location("music21", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(Refusal, match=r"expected 356 pieces of 19409 steps in all .* found 1 of 6; install"):
        chorales.load()


def test_a_linear_model_of_one_step_reaches_9_04_nats_on_jsb(load):
    """Its loss is convex: other learning rates, and other optimisers, reach the same score."""
    program = Program(find_network("linear", find_task("jsb")), load("jsb"), width=1, lanes=1, batch=1)
    hyperparameters = {"units": 1, "learning_rate": 0.01, "momentum": 0.9, "input_noise": 0.0}
    [result] = train_population(program, [Trial(0, 1, hyperparameters, epochs=60)], patience=15)
    assert result.test == pytest.approx(9.04, abs=0.03)
