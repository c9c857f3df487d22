"""Seeds derived from names: every random generator of the suite is seeded by the names of its purpose."""

import hashlib


def derive_seed(*names: object) -> int:
    """Return a seed in 1 … 2³¹ − 1: the SHA-256 of the names joined by slashes, reduced.

    It is never 0, which KerasTuner reads as "no seed". Similar names give unrelated seeds.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2**31 - 1) + 1
