"""Tables of the user's own: columns, splits, scaling, file formats, and faults in one line."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from suite import Refusal, task_check
from tasks import find_task, table_file

LENGTHS = [2, 3, 1, 2, 4]
LABELS = ["left", "right", "right", "left", "right"]
SPLIT_WORDS = ["train", "train", "train", "valid", "test"]


def example():
    """Return five sequences a to e of unequal lengths, with two inputs, targets and splits."""
    each = pd.DataFrame({"id": [*"abcde"], "label": LABELS, "part": SPLIT_WORDS})
    frame = each.loc[each.index.repeat(LENGTHS)].reset_index(drop=True)
    steps = np.arange(len(frame))
    return frame.assign(x=steps, y=steps % 3 + 0.5, value=steps / 2, state=steps % 2)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a function that writes a frame as data.csv and finds the task with some options."""
    monkeypatch.setenv("ODYSSEY_DATA", str(tmp_path))

    def task_of(frame, options, drop=("value", "state")):
        frame.drop(columns=list(drop), errors="ignore").to_csv(tmp_path / "data.csv", index=False)
        return find_task(f"table@file=data.csv,{options}")

    return task_of


COLUMNS = "sequence=id,split=part,target=label"


def test_a_table_of_classes_is_a_task_with_a_class_for_each_sequence(table):
    task = table(example(), COLUMNS)
    assert (task.name, task.features, task.outputs) == (f"table@file=data.csv,{COLUMNS}", 2, 2)
    assert (task.loss, task.metric, task.answers) == ("categorical", "error", "last step")
    splits = task_check.load_checked_splits(task.name, task)
    assert {name: split.lengths.tolist() for name, split in splits.items()} == {
        "train": [2, 3, 1],
        "valid": [2],
        "test": [4],
    }
    assert [y.tolist() for y in splits["train"].targets] == [[0], [1], [1]]


def test_balanced_classes_count_the_same_in_train(table):
    """Train has one sequence of the class left, and two of right; steps have 3 even and 3 odd states."""
    assert table(example(), COLUMNS).class_weights is None
    task = table(example(), f"{COLUMNS},balance=yes")
    assert task.class_weights == (3 / 2, 3 / 4)
    task_check.check_task(task.name, task)
    steps = "sequence=id,target=state,split=part,per=step,balance=yes"
    assert table(example(), steps, drop=["label", "value"]).class_weights == (1, 1)
    with pytest.raises(Refusal, match="expected classes in value for balance=yes, got numbers"):
        table(example(), "sequence=id,target=value,split=part,per=step,balance=yes", ["label", "state"])


def test_inputs_have_mean_0_and_variance_1_in_train(table):
    splits = table(example(), COLUMNS).load()
    train = np.concatenate(splits["train"].inputs)
    np.testing.assert_allclose([train.mean(axis=0), train.std(axis=0)], [[0, 0], [1, 1]], atol=1e-3)
    scale = np.arange(6).std()
    np.testing.assert_allclose(splits["test"].inputs[0][:, 0], (np.arange(8, 12) - 2.5) / scale, atol=1e-3)


def test_numbers_with_a_decimal_point_are_predicted_as_numbers_at_every_step(table):
    task = table(example(), "sequence=id,target=value,split=part,per=step", drop=["label", "state"])
    assert (task.loss, task.metric, task.outputs, task.answers) == ("squared", "rmse", 1, "every step")
    splits = task.load()
    assert [y.shape for y in splits["train"].targets] == [(2, 1), (3, 1), (1, 1)]
    assert np.concatenate(splits["train"].targets).std() == pytest.approx(1)


def test_whole_numbers_are_classes_of_every_step(table):
    task = table(example(), "sequence=id,target=state,split=part,per=step", drop=["label", "value"])
    assert (task.loss, task.outputs) == ("categorical", 2)
    assert task.load()["test"].targets[0].tolist() == [0, 1, 0, 1]


def test_a_seed_draws_a_split_of_whole_sequences(table):
    frame = pd.concat([example().assign(id=lambda f, k=k: f["id"] + str(k)) for k in range(4)])
    loads = {
        seed: table(
            frame.sample(frac=1, random_state=0), f"sequence=id,target=label,seed={seed}", drop=["part"]
        )
        for seed in (1, 2)
    }
    splits = {seed: task.load() for seed, task in loads.items()}
    assert [len(split) for split in splits[1].values()] == [12, 4, 4]
    lengths = [sorted(np.concatenate([s.lengths for s in splits[seed].values()])) for seed in (1, 2)]
    assert lengths[0] == lengths[1] == sorted(LENGTHS * 4)
    assert splits[1]["test"].lengths.tolist() != splits[2]["test"].lengths.tolist()


def test_a_file_that_changes_is_read_again(table):
    assert table(example(), COLUMNS).features == 2
    assert table(example().assign(more=1.5), COLUMNS).features == 3


def test_without_a_data_folder_the_current_folder_is_searched(table, tmp_path, monkeypatch):
    expected = table(example(), COLUMNS).load()
    monkeypatch.delenv("ODYSSEY_DATA")
    monkeypatch.chdir(tmp_path)
    found = find_task(f"table@file=data.csv,{COLUMNS}").load()
    np.testing.assert_array_equal(found["test"].inputs[0], expected["test"].inputs[0])


def as_arrays(path, frame):
    per_sequence = frame.groupby("id", sort=False)[["label", "part"]].first()
    np.savez(
        path,
        X=frame[["x", "y"]].to_numpy(),
        lengths=LENGTHS,
        label=per_sequence["label"].to_numpy(str),
        part=per_sequence["part"].to_numpy(str),
    )


def as_columns(path, frame):
    np.savez(path, **{name: np.array(frame[name].tolist()) for name in ("id", "x", "y", "label", "part")})


PARQUET = pytest.param(
    "data.parquet",
    lambda path, frame: frame.drop(columns=["value", "state"]).to_parquet(path),
    COLUMNS,
    marks=pytest.mark.skipif(not find_spec("pyarrow"), reason="pyarrow is not installed"),
)


@pytest.mark.parametrize(
    ("file", "write", "options"),
    [("a.npz", as_arrays, "target=label,split=part"), ("b.npz", as_columns, COLUMNS), PARQUET],
)
def test_other_formats_hold_the_same(table, tmp_path, file, write, options):
    expected = table(example(), COLUMNS).load()
    write(tmp_path / file, example())
    splits = find_task(f"table@file={file},{options}").load()
    for name, split in expected.items():
        for kind in ("inputs", "targets"):
            assert all(map(np.array_equal, getattr(split, kind), getattr(splits[name], kind)))


def changed(column, row, value):
    """Return a change of one value."""

    def change(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            None,
            "sequence=id,target=lable",
            "no column 'lable'. Did you mean 'label'.* Columns: id, label, part, x",
        ),
        (None, "sequence=id,target=label,split=prt", "no column 'prt'. Did you mean 'part'"),
        (None, "target=label", "no column 'sequence'.* name one of them with sequence="),
        (None, "sequence=id,target=id", "expected different columns, got sequence=id, target=id"),
        (None, "sequence=id,target=label", "column part, row 1 .* a number, .* got 'train'"),
        (
            lambda f: f[["part", "x", "label"]],
            "sequence=part,target=label",
            "at least 5 sequences to split, got 3; is part",
        ),
        (None, "sequence=x,target=id,split=part", "column label, row 1 of the data: expected a number"),
        (
            lambda f: f.drop(columns="label"),
            "sequence=id,target=y,split=part",
            "sequence 'a': expected one y .* 0.5 and 1.5.*per=step",
        ),
        (changed("x", 3, None), COLUMNS, "column x, row 4 of the data: expected a value, got none"),
        (changed("id", 0, None), COLUMNS, "column id, row 1 of the data: expected a value, got none"),
        (changed("x", 2, "two"), COLUMNS, "column x, row 3 .* a number, .* got 'two'"),
        (changed("y", 2, "1e39"), COLUMNS, "column y, row 3 .* finite number .* got 1e.39"),
        (changed("part", 4, "tain"), COLUMNS, "row 5 .* or test, got 'tain'. Did you mean 'train'"),
        (changed("part", 4, "test"), COLUMNS, "sequence 'b': expected one part .* got 'train' and 'test'"),
        (lambda f: f[f["part"] != "valid"], COLUMNS, "train, valid and test, got none in valid"),
        (lambda f: f.assign(label="left"), COLUMNS, "different values of label in train, got 'left' only"),
        (lambda f: f.assign(label=[*"aabbbccdddd"[:8], *"eeee"]), COLUMNS, "class 'c|d|e' of label is in"),
        (lambda f: f[["id", "label", "part"]], COLUMNS, "columns with inputs beside id, label, part"),
        (lambda f: f[:0], COLUMNS, "expected rows, got none"),
    ],
)
def test_a_fault_of_a_table_is_refused_in_one_line(table, change, options, message):
    frame = example()
    with pytest.raises(Refusal, match=f"data.csv: .*{message}") as refusal:
        table(change(frame) if change else frame, options)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_refused_with_the_name_of_a_similar_one(table):
    table(example(), COLUMNS)
    with pytest.raises(Refusal, match=r"dat\.csv does not exist\. Did you mean 'data\.csv'\?"):
        find_task(f"table@file=dat.csv,{COLUMNS}")
    with pytest.raises(Refusal, match=r"got 'my/data\.csv'; give the folder of the file with --data"):
        find_task(f"table@file=my/data.csv,{COLUMNS}")
    with pytest.raises(Refusal, match="give the file, such as table@file="):
        find_task("table").load()


def test_a_number_for_each_sequence_counts_once_however_long_the_sequence(table):
    """Three sequences of train, of 2, 3 and 1 steps, have the values 1.5, 0.5 and 4."""
    frame = example()
    frame["value"] = frame["id"].map(dict(zip("abcde", [1.5, 0.5, 4.0, 2.0, 3.0], strict=True)))
    task = table(frame, "sequence=id,split=part,target=value", drop=["label", "state"])
    train = np.array([1.5, 0.5, 4.0])
    expected = (train - train.mean()) / train.std()
    np.testing.assert_allclose(np.ravel(task.load()["train"].targets), expected, rtol=1e-6)


def test_texts_of_bytes_and_lengths_without_sign_are_read(tmp_path):
    arrays = ARRAYS | {"lengths": np.array(LENGTHS, np.uint64), "label": np.array([b"a", b"b"] * 2 + [b"a"])}
    np.savez(tmp_path / "a.npz", **arrays)
    frame = table_file.read_table(tmp_path / "a.npz")
    assert frame["label"].tolist() == ["a"] * 2 + ["b"] * 3 + ["a"] + ["b"] * 2 + ["a"] * 4


def test_a_seed_beside_a_column_of_splits_and_a_value_beyond_float32_when_scaled_are_refused(table):
    with pytest.raises(Refusal, match=r"the column part says which split .* leave seed out"):
        table(example(), f"{COLUMNS},seed=7")
    frame = example()
    frame["x"] = np.where(frame["part"] == "test", 1e30, frame["x"] * 1e-20)
    with pytest.raises(Refusal, match=r"data\.csv: column x: a value in test is too large to be scaled"):
        table(frame, COLUMNS)


ARRAYS = {"X": np.zeros((12, 2)), "lengths": np.array(LENGTHS), "label": np.arange(5)}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.csv", b"id,x\n1,2,3\n", "expected 2 fields in every row"),
        ("a.csv", b"id,x\n1,2\n1,2,3\n", "cannot be read"),
        ("a.csv", b"", "cannot be read"),
        ("a.csv", b"id;x\n1;2\n", "expected columns separated by commas, got one column 'id;x'"),
        ("a.csv", b"id;x\n1;2,5\n", "expected columns separated by commas, got one column 'id;x'"),
        ("a.csv", b"id,x\n\xff,2\n", "expected text in UTF-8"),
        ("a.csv", b"id,x,label,label\n1,2,3,3\n", "got 'label' twice"),
        ("a.npz", b"no zip", "not a ZIP archive"),
        ("a.npz", b"", "not a ZIP archive"),
        ("a.npz", {**ARRAYS, "label": np.array([None] * 5)}, "cannot be read"),
        ("a.npz", {**ARRAYS, "label": np.arange(4)}, "label to have 12 rows, or 5, one for each sequence"),
        ("a.npz", {**ARRAYS, "lengths": np.array([2, 0])}, "whole numbers of at least 1, .* minimum 0"),
        (
            "a.npz",
            {**ARRAYS, "lengths": np.array([10**9] * 5)},
            "arrays with 5000000000 rows, the sum of lengths",
        ),
        ("a.npz", {**ARRAYS, "sequence": np.arange(5)}, "lengths or an array sequence, got both"),
        ("a.npz", {**ARRAYS, "X.0": np.zeros(12)}, "different names of columns, got 'X.0' twice"),
        ("a.npz", {**ARRAYS, "X": np.ones(12, complex)}, "X to hold real numbers or texts, got complex128"),
        ("a.npz", {"id": np.arange(5), "x": np.arange(4)}, "expected x to have 5 rows, got the shape"),
        ("a.txt", b"", "expected a file ending in .csv, .parquet, .npz, got .txt"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, file, content, message):
    path = tmp_path / file
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(Refusal, match=f"{file}.*{message}") as refusal:
        table_file.read_table(path)
    assert "\n" not in str(refusal.value)
