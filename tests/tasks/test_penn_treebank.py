"""The Penn Treebank, on small files in its format; and its published counts, where the files are at hand."""

import hashlib
import sys

import numpy as np
import pytest

from suite import Refusal
from tasks import find_task, penn_treebank

FILES = {
    "ptb.train.txt": " no it was n't black monday \n but N <unk> was black \n",
    "ptb.valid.txt": " it was N \n",
    "ptb.test.txt": " no new york \n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with small files of the three splits."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
        digest = hashlib.sha256(content.encode()).hexdigest()
        monkeypatch.setitem(penn_treebank.SHA256, name.split(".")[1], digest)
    return tmp_path


def test_a_line_is_a_sentence_of_the_word_model(folder):
    splits = find_task("ptb_word").load(folder)
    vocabulary = ["\n", "<unk>", "black", "was", "N", "but", "it", "monday", "n't", "no"]
    read = {name: [vocabulary[k] for k in split.targets[0]] for name, split in splits.items()}
    assert " ".join(read["train"]) == "no it was n't black monday \n but N <unk> was black \n"
    assert read["valid"] == ["it", "was", "N", "\n"]
    assert read["test"] == ["no", "<unk>", "<unk>", "\n"]


def test_the_characters_are_those_of_the_words_with_single_spaces(folder):
    splits = find_task("ptb_char").load(folder)
    alphabet = sorted(set("".join(FILES.values())))
    read = {name: "".join(alphabet[k] for k in split.targets[0]) for name, split in splits.items()}
    assert read["train"] == "no it was n't black monday\nbut N <unk> was black\n"
    assert read["test"] == "no new york\n"
    np.testing.assert_array_equal(splits["test"].inputs[0], [0, *splits["test"].targets[0][:-1]])


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_in_one_line_with_its_name(folder, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras.utils", None)
    monkeypatch.setenv("KERAS_HOME", str(folder / "cache"))
    (folder / name).unlink()
    with pytest.raises(Refusal, match=rf"^{name} is not in .* save https://\S+/{name} as \S+$"):
        find_task("ptb_char").load(folder)


def test_another_text_is_refused(folder):
    (folder / "ptb.valid.txt").write_text(" it was \n")
    with pytest.raises(Refusal, match=r"ptb\.valid\.txt: expected the SHA-256"):
        find_task("ptb_word").load(folder)


def test_the_files_have_the_published_counts(load):
    words, characters = load("ptb_word"), load("ptb_char")
    assert [int(split.lengths.sum()) for split in words.values()] == [929_589, 73_760, 82_430]
    assert [int(split.lengths.sum()) // 1000 for split in characters.values()] == [5017, 393, 442]
    assert len(np.unique(words["train"].targets[0])) == 10_000
    assert len(np.unique(characters["train"].targets[0])) == 50
