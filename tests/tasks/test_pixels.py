"""Images pixel by pixel: order, permutation, pooling, sizes, and files that are missing or damaged."""

import gzip
import hashlib

import numpy as np
import pytest

from suite import Refusal
from tasks import data, find_task, pixels

IMAGE = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)  # 0 … 255, three times and a bit


@pytest.fixture
def mnist_file(tmp_path, monkeypatch):
    """Write a file in the format of `mnist.npz` with 6,000 + 20 images, and return its folder."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{axis}_{split}": values
        for split, count in (("train", 6000), ("test", 20))
        for axis, values in (
            ("x", rng.integers(0, 256, (count, 28, 28), np.uint8)),
            ("y", np.arange(count, dtype=np.uint8) % 10),
        )
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setattr(pixels, "MNIST_SHA256", data.file_sha256(tmp_path / "mnist.npz"))
    return tmp_path


def test_pixels_are_read_row_by_row_and_scaled_to_one():
    read = pixels.pixel_sequences(IMAGE, permuted=False, pool=1)
    assert (read.shape, read.dtype) == ((1, 784, 1), np.float32)
    np.testing.assert_allclose(read[0, :, 0] * 255, IMAGE.ravel(), rtol=1e-6)


def test_a_permutation_is_fixed_and_moves_the_same_pixels():
    plain, permuted = (pixels.pixel_sequences(IMAGE, permuted, 1)[0, :, 0] for permuted in (False, True))
    np.testing.assert_array_equal(permuted[:8], plain[[318, 2, 606, 446, 758, 13, 98, 539]])
    np.testing.assert_array_equal(np.sort(permuted), np.sort(plain))


def test_pooling_takes_the_means_of_squares():
    pooled = pixels.pixel_sequences(IMAGE, permuted=False, pool=4)[0, :, 0]
    assert pooled.shape == (49,)
    assert pooled[0] == pytest.approx(IMAGE[0, :4, :4].mean() / 255)
    assert pooled[7] == pytest.approx(IMAGE[0, 4:8, :4].mean() / 255)


def test_a_downloaded_file_is_split_with_the_last_images_as_validation(mnist_file):
    splits = find_task("sequential_mnist").load(mnist_file)
    assert [len(split) for split in splits.values()] == [1000, 5000, 20]
    with np.load(mnist_file / "mnist.npz") as arrays:
        first = arrays["x_train"][1000].ravel() / np.float32(255)
    np.testing.assert_array_equal(splits["valid"].inputs[0][:, 0], first)


def test_a_tiny_task_has_few_images_of_each_class_and_few_steps(mnist_file):
    splits = find_task("permuted_mnist@size=tiny").load(mnist_file)
    for split, count in zip(splits.values(), (2, 1, 1), strict=True):
        assert (np.bincount(np.concatenate(split.targets)) == count).all()
        assert {len(x) for x in split.inputs} == {49}


def test_fashion_has_the_published_images_in_a_small_size_of_ten_thousand(load):
    splits = load("sequential_fashion@pool=4,size=small")
    assert [len(split) for split in splits.values()] == [8000, 1000, 1000]
    assert [int(y[0]) for y in splits["train"].targets[:6]] == [9, 0, 0, 3, 0, 2]  # of the published file


def write_fashion_files(folder, monkeypatch):
    """Write the four files, with three images of 1×2 pixels in each."""
    folder.mkdir()
    contents = {}
    for name in pixels.FASHION_FILES:
        shape = (3, 1, 2) if "images" in name else (3,)
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes()
        contents[name] = header + bytes(range(int(np.prod(shape))))
        (folder / f"{name}.gz").write_bytes(gzip.compress(contents[name]))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(pixels, "FASHION_FILES", hashes)


def test_the_user_s_folder_is_read_before_that_of_the_package(tmp_path, monkeypatch):
    write_fashion_files(tmp_path / "fashion-mnist", monkeypatch)
    images, labels, *_ = pixels.read_fashion(tmp_path)
    assert images.tolist() == [[[0, 1]], [[2, 3]], [[4, 5]]]
    assert labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-9], "cannot be read"),
        (lambda content: b"no gzip", "cannot be read"),
        (lambda content: gzip.compress(b"other"), "expected the SHA-256"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, monkeypatch, damage, message):
    write_fashion_files(tmp_path / "fashion-mnist", monkeypatch)
    path = tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Refusal, match=f"t10k-labels-idx1-ubyte.gz.*{message}.*save it again"):
        pixels.read_fashion(tmp_path)


def test_a_missing_package_is_refused_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "FASHION_PACKAGE_FOLDER", tmp_path / "nowhere")
    with pytest.raises(Refusal, match="nowhere: apt-get install dataset-fashion-mnist, or save"):
        pixels.read_fashion(tmp_path)
