"""IAM-OnDB, on a generated folder in its format: lines and splits, and the refusal of each fault."""

import numpy as np
import pytest
from iam_folder import TEXTS, write_iam_folder

from suite import Refusal
from tasks import find_task, iam_ondb, load_splits

FORM = "a01/a01-000/a01-000u"
TRANSCRIPT, STROKES = f"ascii/{FORM}.txt", f"lineStrokes/{FORM}-01.xml"
LINES = {"train": 6, "valid": 6, "test": 3}


@pytest.fixture
def root(tmp_path):
    return write_iam_folder(tmp_path)


@pytest.fixture(autouse=True)
def expected_lines(monkeypatch):
    monkeypatch.setattr(iam_ondb, "EXPECTED_LINES", LINES)


def edit(path, old, new):
    text = path.read_text(encoding="latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="latin-1")


def decoded(labels):
    return "".join(iam_ondb.CHARACTERS[label] for label in labels)


def test_there_are_81_characters_and_a_blank():
    assert len(set(iam_ondb.CHARACTERS)) == len(iam_ondb.CHARACTERS) == 81
    assert find_task("iam_ondb").outputs == 82


def test_the_lines_of_the_lists_are_loaded_without_the_form_that_the_paper_leaves_out(root):
    splits = load_splits("iam_ondb", root.parent)
    assert {name: len(split) for name, split in splits.items()} == LINES
    texts = [decoded(labels) for labels in splits["train"].targets]
    assert texts == [f"{text} {form}" for form in ("a01", "b02") for text in TEXTS]
    assert {decoded(labels)[-3:] for labels in splits["valid"].targets} == {"c03", "d04"}


def test_a_step_is_every_second_point_of_a_stroke(root):
    edit(root / STROKES, 'time="769.05"', 'time="769.00"')
    inputs = load_splits("iam_ondb", root.parent)["train"].inputs[0]
    assert inputs.shape == (15 + 1 + 14, 4)
    np.testing.assert_allclose(inputs[[0, 1, 14, 15, 16], 2], [0, 0.07, 0.33, 0, 0], atol=1e-4)
    assert list(np.flatnonzero(inputs[:, 3])) == [14, 15, 29]


def upper_case(root):
    for path in sorted(root.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.upper()))
    root.rename(root.with_name("iam-ondb"))


def windows_line_ends(root):
    for path in root.rglob("*.*"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("change", [upper_case, windows_line_ends])
def test_upper_case_names_and_line_ends_of_windows_change_nothing(root, change):
    before = load_splits("iam_ondb", root.parent)
    change(root)
    after = load_splits("iam_ondb", root.parent)
    for name in before:
        assert list(map(decoded, before[name].targets)) == list(map(decoded, after[name].targets))
        assert all(map(np.array_equal, before[name].inputs, after[name].inputs))


FAULTS = {  # what is changed in a folder, and what the refusal says
    "a list is missing": (
        lambda root: (root / "testset_t.txt").unlink(),
        r"4 files .* testset_t\.txt, .* 3;",
    ),
    "a list is empty": (lambda root: (root / "testset_f.txt").write_text("\n"), "testset_f.txt: .* got none"),
    "a list has no forms": (lambda root: edit(root / "trainset.txt", "a01-", "a01_"), "got 'a01_000u'"),
    "a transcript is missing": (
        lambda root: (root / TRANSCRIPT).unlink(),
        f"2 files such as {TRANSCRIPT}, which is missing, found 1;",
    ),
    "strokes are missing": (
        lambda root: (root / STROKES).unlink(),
        r"3 lines of text and 2 files .*a01-000u-01\.xml is the first",
    ),
    "a line of text is missing": (
        lambda root: edit(root / TRANSCRIPT, f"{TEXTS[2]} a01", ""),
        r"2 lines of text and 3 files .*a01-000u-03\.xml is the first",
    ),
    "a line of text too many": (
        lambda root: edit(root / TRANSCRIPT, TEXTS[0], f"More\n{TEXTS[0]}"),
        r"4 lines of text and 3 files .*a01-000u-04\.xml is the first",
    ),
    "no heading": (lambda root: edit(root / TRANSCRIPT, "CSR:", "XSR:"), "after a line CSR:"),
    "another character": (lambda root: edit(root / TRANSCRIPT, "81", "8\xa3"), "got '£' in line 1"),
    "a stroke without points": (
        lambda root: edit(root / STROKES, "</Stroke>", "</Stroke><Stroke></Stroke>"),
        "at least one Point, got stroke 2 without any",
    ),
    "no strokes": (lambda root: (root / STROKES).write_text("<a/>"), "got no Stroke"),
    "broken XML": (lambda root: edit(root / STROKES, "</StrokeSet>", ""), "expected XML, .* copy it again"),
    "an empty file": (lambda root: (root / STROKES).write_bytes(b""), "expected XML"),
    "a point without a time": (
        lambda root: edit(root / STROKES, " time=", " t="),
        "x, y and time of every Point",
    ),
    "a point that is no number": (
        lambda root: edit(root / STROKES, 'Point x="', 'Point x="one'),
        "could not convert",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_folder_is_refused_in_one_line(root, fault):
    change, message = FAULTS[fault]
    change(root)
    with pytest.raises(Refusal, match=message) as caught:
        load_splits("iam_ondb", root.parent)
    assert "\n" not in str(caught.value)


def test_another_number_of_lines_than_the_papers_is_refused(root, monkeypatch):
    monkeypatch.setattr(iam_ondb, "EXPECTED_LINES", {"train": 5355, "valid": 2956, "test": 3859})
    with pytest.raises(Refusal, match="expected 5355 train, 2956 valid, 3859 test lines, found 6 train, "):
        load_splits("iam_ondb", root.parent)


def test_without_the_folder_the_refusal_says_where_to_get_it(tmp_path, monkeypatch):
    with pytest.raises(Refusal, match=r"the folder IAM-OnDB is not in .* copy the database \(https://fki"):
        load_splits("iam_ondb", tmp_path)
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)
    with pytest.raises(Refusal, match=r"no data folder is named: .* as IAM-OnDB into a folder"):
        load_splits("iam_ondb")


def test_a_tiny_load_reads_two_forms_of_each_list(root):
    with (root / "trainset.txt").open("a") as file:
        file.write("f06-000\n")  # its files are missing
    tiny = load_splits("iam_ondb@size=tiny", root.parent)
    assert {name: len(split) for name, split in tiny.items()} == LINES
