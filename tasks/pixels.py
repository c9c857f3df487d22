"""Classify an image that is read one pixel per step: MNIST and Fashion-MNIST, in reading order or permuted.

An image of 28×28 pixels is a sequence of 784 steps, row by row from the top left, with values 0 to 1. In a
permuted task the same permutation, drawn from the seed `PERMUTATION_SEED`, is applied to every image, so that
neighbours in the image are far apart in the sequence. With an image of 2×2 and the permutation 2, 0, 3, 1:

    image                .1 .2
                         .3 .4
    sequential_mnist     .1 .2 .3 .4
    permuted_mnist       .3 .1 .4 .2

The option `pool` takes means over squares of 2×2 or 4×4 pixels first, which leaves 196 or 49 steps. The
splits:

    size    train    valid   test
    full    55,000   5,000   10,000   valid is the last 5,000 of the training file
    small    8,000   1,000    1,000   the first 800, 100 and 100 of each class in these
    tiny        20      10       10   the first 2, 1 and 1 of each class; always 7×7 pixels

The score is the share of images that are classified wrongly, 0.9 for a guess (0.8865 on the 10,000 test
images of MNIST, where ones are the most frequent). On full-size MNIST, tuned LSTMs reach 0.011 in reading
order and 0.049 permuted (as listed by Gu et al. 2022, table 12; publications differ in the permutation).

MNIST (LeCun et al. 1998) is downloaded as the file that Keras has, `mnist.npz`. Fashion-MNIST (Xiao et al.
2017) is read from the Debian package `dataset-fashion-mnist`, or from a folder `fashion-mnist` in the data
folder.
"""

import functools
import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from suite import Refusal
from suite.task import Split, Task
from tasks import data

Pool: TypeAlias = Literal["1", "2", "4"]
ImageCount: TypeAlias = Literal["full", "small", "tiny"]

CLASSES, IMAGE_SIDE = 10, 28
PERMUTATION_SEED = 0
VALID_IMAGES = 5_000  # at the end of the training file
IMAGES_PER_CLASS = {  # of train, valid and test
    "small": (800, 100, 100),
    "tiny": (2, 1, 1),
}
SOURCES = {
    "mnist": "LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition",
    "fashion": "Xiao et al. (2017), Fashion-MNIST",
}
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
FASHION_PACKAGE_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_URL = "https://github.com/zalandoresearch/fashion-mnist"
FASHION_FILES = {  # name without .gz: SHA-256 of the unpacked file; compressed copies differ
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def sequential_mnist(*, pool: Pool = "1", size: ImageCount = "full") -> Task:
    """Return MNIST with the pixels in reading order (Le et al. 2015)."""
    return pixel_task("mnist", False, int(pool), size)


def permuted_mnist(*, pool: Pool = "1", size: ImageCount = "full") -> Task:
    """Return MNIST with the pixels in a fixed random order (Le et al. 2015)."""
    return pixel_task("mnist", True, int(pool), size)


def sequential_fashion(*, pool: Pool = "1", size: ImageCount = "full") -> Task:
    """Return Fashion-MNIST with the pixels in reading order."""
    return pixel_task("fashion", False, int(pool), size)


def permuted_fashion(*, pool: Pool = "1", size: ImageCount = "full") -> Task:
    """Return Fashion-MNIST with the pixels in a fixed random order."""
    return pixel_task("fashion", True, int(pool), size)


def pixel_task(dataset: str, permuted: bool, pool: int, size: str) -> Task:
    """Return the task of classifying the images of a data set, "mnist" or "fashion", pixel by pixel."""
    pool = 4 if size == "tiny" else pool
    name = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}[dataset]
    return Task(
        name=f"{'permuted' if permuted else 'sequential'}_{dataset}",
        title=f"{name}, {(IMAGE_SIDE // pool) ** 2} {'permuted ' if permuted else ''}pixels",
        load=functools.partial(load, dataset=dataset, permuted=permuted, pool=pool, size=size),
        features=1,
        outputs=CLASSES,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source=SOURCES[dataset],
        trivial=0.9,  # one of ten classes, equally many of each (nearly so in MNIST's test file)
    )


def load(
    folder: Path | None = None, *, dataset: str, permuted: bool, pool: int, size: str
) -> Mapping[str, Split]:
    """Return the three splits: inputs (steps, 1), targets (1,)."""
    read = {"mnist": read_mnist, "fashion": read_fashion}[dataset]
    train_images, train_labels, test_images, test_labels = read(folder)
    parts = {
        "train": (train_images[:-VALID_IMAGES], train_labels[:-VALID_IMAGES]),
        "valid": (train_images[-VALID_IMAGES:], train_labels[-VALID_IMAGES:]),
        "test": (test_images, test_labels),
    }
    splits = {}
    for k, (split, (images, labels)) in enumerate(parts.items()):
        if size != "full":
            chosen = first_of_each_class(labels, IMAGES_PER_CLASS[size][k])
            images, labels = images[chosen], labels[chosen]
        pixels = pixel_sequences(images, permuted, pool)
        splits[split] = Split(list(pixels), list(labels.astype(np.int32)[:, None]))
    return splits


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the indices, in order, of the first `count` labels of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:count] for k in range(CLASSES)]))


def pixel_sequences(images: np.ndarray, permuted: bool, pool: int) -> np.ndarray:
    """Return images (images, side, side) of 0 … 255 as sequences of pixels (images, steps, 1) of 0 … 1."""
    count, side, _ = images.shape
    squares = images.reshape(count, side // pool, pool, side // pool, pool)
    pixels = (squares.mean(axis=(2, 4), dtype=np.float32) / np.float32(255)).reshape(count, -1, 1)
    if permuted:
        pixels = pixels[:, np.random.default_rng(PERMUTATION_SEED).permutation(pixels.shape[1])]
    return pixels


def read_mnist(folder: Path | None) -> list[np.ndarray]:
    """Return the images (n, 28, 28) and the labels (n,) of train, then those of test, uint8."""
    path = data.find_data_file("mnist.npz", MNIST_SHA256, MNIST_URL, folder)
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]


def read_fashion(folder: Path | None) -> list[np.ndarray]:
    """Return the images (n, 28, 28) and the labels (n,) of train, then those of test, uint8."""
    home = data.user_data_folder(folder)
    folders = [home / "fashion-mnist"] if home else []
    folders.append(FASHION_PACKAGE_FOLDER)
    present = next((place for place in folders if place.is_dir()), None)
    if not present:
        raise Refusal(
            f"Fashion-MNIST is not in {' or '.join(map(str, folders))}: apt-get install "
            f"dataset-fashion-mnist, or save the four .gz files of {FASHION_URL} in a folder fashion-mnist "
            "of the data folder"
        )
    return [read_idx(present / f"{name}.gz", sha256) for name, sha256 in FASHION_FILES.items()]


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """Return the array of bytes in a gzipped IDX file, after the SHA-256 of its content has been verified.

    The header is two zero bytes, 8 for bytes, the number of dimensions, and each dimension as a big-endian
    integer of 32 bits.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(f"{path} cannot be read ({error}); save it again from {FASHION_URL}") from error
    if (actual := hashlib.sha256(content).hexdigest()) != sha256:
        raise Refusal(
            f"{path}: expected the SHA-256 {sha256} of the unpacked file, found {actual}; "
            f"save it again from {FASHION_URL}"
        )
    shape = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
