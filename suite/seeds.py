"""Seeds by name: every random draw of the suite starts from a seed derived from what it is for."""

import hashlib


def derive_seed(*names: object) -> int:
    """Return a seed in 1 … 2³¹ − 1: the SHA-256 of the names joined by slashes, reduced.

    Never 0, which KerasTuner takes for "no seed". Near names give unrelated seeds.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2**31 - 1) + 1
