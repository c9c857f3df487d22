"""An n-gram model with interpolated Kneser–Ney smoothing (Chen & Goodman, 1999).

    python tests/tasks/kneser_ney.py brown_char 5

prints the bits per symbol of the test split under the model of order 5, fitted to train.
"""

import sys

import numpy as np


class KneserNey:
    """An n-gram model of symbols 0 … symbols − 1; the stream before the first symbol is taken to be all 0.

    With c the count of an n-gram, D its discount, and N the number of different continuations of a context,

        p(w | v u) = (max(c(v u w) − D, 0) + D · N(v u ·) · p(w | u)) / c(v u ·)

    where u is the context without its first symbol v. In all orders but the highest, c(u w) is the number of
    different symbols seen before u w. Below order 1 is the uniform distribution. D is n₁ / (n₁ + 2 n₂), from
    the numbers of n-grams with a count of one and two.
    """

    def __init__(self, stream: np.ndarray, order: int, symbols: int) -> None:
        self.symbols, self.tables = symbols, {}
        grams, counts = np.unique(self.codes(stream, order), return_counts=True)
        for n in range(order, 0, -1):
            discount = (counts == 1).sum() / ((counts == 1).sum() + 2 * (counts == 2).sum())
            contexts, start, kinds = np.unique(grams // symbols, return_index=True, return_counts=True)
            self.tables[n] = grams, counts, contexts, np.add.reduceat(counts, start), kinds, discount
            grams, counts = np.unique(grams % symbols ** (n - 1), return_counts=True)

    def codes(self, stream: np.ndarray, n: int) -> np.ndarray:
        """Return the n-gram that ends at each symbol of a stream, as one integer, (steps,)."""
        padded = np.concatenate([np.zeros(n - 1, np.int64), stream])
        return sum(padded[k : k + len(stream)] * self.symbols ** (n - 1 - k) for k in range(n))

    def probabilities(self, grams: np.ndarray) -> np.ndarray:
        """Return the probability of the last symbol of n-grams of the highest order, given those before."""
        p = np.full(len(grams), 1 / self.symbols)
        for n, (seen, counts, contexts, totals, kinds, discount) in sorted(self.tables.items()):
            gram = grams % self.symbols**n
            count = look_up(seen, counts, gram)
            total, kind = (look_up(contexts, values, gram // self.symbols) for values in (totals, kinds))
            mixed = (np.maximum(count - discount, 0) + discount * kind * p) / np.maximum(total, 1)
            p = np.where(total > 0, mixed, p)
        return p

    def bits(self, stream: np.ndarray) -> float:
        """Return the mean number of bits of a symbol of a stream."""
        return float(-np.log2(self.probabilities(self.codes(stream, max(self.tables)))).mean())


def look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the value of each wanted key, 0 for one that is not among the sorted keys."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


if __name__ == "__main__":
    import tasks

    name, order = sys.argv[1], int(sys.argv[2])
    splits = tasks.load_splits(name)
    train, test = (np.concatenate(splits[split].targets).astype(np.int64) for split in ("train", "test"))
    model = KneserNey(train, order, tasks.find_task(name).outputs)
    print(f"{name}: {model.bits(test):.4f} bits per symbol of test, order {order}, Kneser–Ney")
