"""Initial weights: a rule for each weight by its name, and a random stream for each weight.

Rules are texts by patterns of names, such as

    {"*": "normal(0.1)", "R/*": "orthogonal", "b/f": "constant(1)"}

Of several patterns that match, the last one counts. A weight of a group of gates is drawn gate by gate, so
"b/f" is the bias of the forget gate, also where one array holds those of all gates. As every weight has its
own stream, which its name seeds, a new weight changes no other one's draw.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from suite import Refusal, registry
from suite.axis import shape_of
from suite.seeds import derive_seed

if TYPE_CHECKING:
    from suite.network import Network

PAPER_RULES = {"*": "normal(0.1)"}  # Greff et al. (2017)

Draw = Callable[..., np.ndarray]  # of a generator, a shape, and the rule's arguments


def normal(rng: np.random.Generator, shape: tuple[int, ...], stddev: float) -> np.ndarray:
    """Draw from a normal distribution with mean 0."""
    return rng.normal(0, stddev, shape)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], limit: float) -> np.ndarray:
    """Draw uniformly between −limit and limit."""
    return rng.uniform(-limit, limit, shape)


def constant(rng: np.random.Generator, shape: tuple[int, ...], value: float) -> np.ndarray:
    """Return the same value everywhere."""
    return np.full(shape, value)


def orthogonal(rng: np.random.Generator, shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw a matrix with orthonormal rows or columns, the fewer of them, times `gain`: Saxe et al. (2014)."""
    *leading, rows, columns = shape
    q, r = np.linalg.qr(rng.normal(size=(*leading, max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]  # uniform over orthogonal matrices
    return gain * (q if rows >= columns else np.swapaxes(q, -1, -2))


def identity(rng: np.random.Generator, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Return a multiple of the identity matrix (Le et al., 2015)."""
    *leading, rows, columns = shape
    return np.broadcast_to(scale * np.eye(rows, columns), (*leading, rows, columns))


def sparse(rng: np.random.Generator, shape: tuple[int, ...], count: float, stddev: float) -> np.ndarray:
    """Draw `count` normal entries in each column, and zeros elsewhere (Martens, 2010)."""
    *leading, rows, columns = shape
    rank = rng.random((*leading, rows, columns)).argsort(axis=-2).argsort(axis=-2)
    return np.where(rank < count, rng.normal(0, stddev, shape), 0.0)


def chrono(rng: np.random.Generator, shape: tuple[int, ...], longest: float) -> np.ndarray:
    """Draw log u, u uniform between 1 and longest − 1: biases of a forget gate that remembers for u steps.

    Tallec and Ollivier (2018), equation 16. Units forget after 1 to `longest` steps.
    """
    return np.log(rng.uniform(1, longest - 1, shape))


RULES: dict[str, Draw] = {
    rule.__name__: rule for rule in (normal, uniform, constant, orthogonal, identity, sparse, chrono)
}
MATRIX_RULES = ("orthogonal", "identity", "sparse")
LARGEST = 1e30  # of any argument: what is drawn stays far below the largest float32, 3e38
ARGUMENT_LIMITS = {  # the smallest and the largest value of the arguments of all rules, by name
    "stddev": (0, LARGEST),
    "limit": (0, LARGEST),
    "value": (-LARGEST, LARGEST),
    "gain": (-LARGEST, LARGEST),
    "scale": (-LARGEST, LARGEST),
    "count": (1, LARGEST),
    "longest": (2, LARGEST),
}
WHOLE_ARGUMENTS = ("count",)


def parse_rule(text: str) -> tuple[str, tuple[float, ...]]:
    """Return the name and the arguments of a rule such as "sparse(15, 1)"; refuse an invalid one."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", text)
    if not match:
        raise Refusal(f"initial weights: expected a rule such as normal(0.1), got {text!r}")
    name, arguments = match.groups(default="")
    if name not in RULES:
        raise registry.unknown_name_error("rule of initial weights", name, RULES)
    code = RULES[name].__code__
    names = code.co_varnames[2 : code.co_argcount]
    try:
        values = tuple(float(part) for part in arguments.split(",")) if arguments.strip() else ()
        required = len(names) - len(RULES[name].__defaults__ or ())
        if not (required <= len(values) <= len(names) and np.isfinite(values).all()):
            raise ValueError
    except ValueError:
        signature = f"{name}({', '.join(names)})"
        raise Refusal(f"initial weights: expected {signature} with finite numbers, got {text!r}") from None
    for argument, value in zip(names, values, strict=False):  # the last may be left out
        low, high = ARGUMENT_LIMITS[argument]
        if not low <= value <= high or (argument in WHOLE_ARGUMENTS and value != int(value)):
            kind = "whole number" if argument in WHOLE_ARGUMENTS else "number"
            raise Refusal(
                f"initial weights: expected {argument} to be a {kind} from {low:g} to {high:g}, got {text!r}"
            )
    return name, values


def is_weight_pattern(name: str) -> bool:
    """Whether a hyperparameter is the rule of the weights that its name is a pattern of, such as "R/*".

    All other hyperparameters are identifiers of Python, and the names of weights are none.
    """
    return not name.isidentifier()


def rules_of_trial(rules: Mapping[str, str], hyperparameters: Mapping[str, float | str]) -> dict[str, str]:
    """Return rules of initial weights, and after them those that are hyperparameters of a trial."""
    drawn = {
        name: rule
        for name, rule in hyperparameters.items()
        if is_weight_pattern(name) and isinstance(rule, str)
    }
    return {pattern: rule for pattern, rule in rules.items() if pattern not in drawn} | drawn


def rule_for(name: str, rules: Mapping[str, str]) -> str:
    """Return the text of the rule for a weight or gate, such as "recurrent/b/f": the last that matches.

    A pattern may leave out the names of layers: "b/f" matches "recurrent/2/b/f".
    """
    return [rule for pattern, rule in rules.items() if matches(name, pattern)][-1]


def matches(name: str, pattern: str) -> bool:
    """Whether the name of a weight or gate matches a pattern, which may leave out the names of layers."""
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"*/{pattern}")


def check_rules(rules: Mapping[str, str], networks: Mapping[str, "Network"]) -> None:
    """Refuse a rule that matches no weight of any network, and one that cannot draw a weight that it matches.

    `networks` has the networks by the names of their variants.
    """
    for network in networks.values():
        draw_weights(network, units=2, seed=0, rules=rules)
    names = {
        gate for network in networks.values() for weight in network.axes() for gate in network.gates(weight)
    }
    for pattern in rules:
        if not any(matches(name, pattern) for name in names):
            short_names = sorted({"/".join(name.split("/")[-2:]) for name in names})
            raise Refusal(
                f"initial weights: {pattern!r} matches no weight of {', '.join(networks)}."
                f"{registry.did_you_mean(pattern, short_names)} Known: {', '.join(short_names)}"
            )


def draw_weights(
    network: "Network", units: int, seed: int, rules: Mapping[str, str] = MappingProxyType({})
) -> dict[str, np.ndarray]:
    """Draw the initial weights of a trial with this many units and this seed, by name, float32.

    `rules` come after the paper's, and after those of the network's layers.
    """
    own = {key: rule for key, rule in (PAPER_RULES | network.initial_weights).items() if key not in rules}
    rules, weights = own | dict(rules), {}  # a pattern of the user's also comes last if it is in both
    for name, axes in network.axes().items():
        gates = network.gates(name)
        *shape, length = shape_of(axes, units)
        blocks = [
            draw_block(gate, (*shape, length // len(gates)), seed, rule_for(gate, rules)) for gate in gates
        ]
        weights[name] = np.concatenate(blocks, axis=-1).astype("float32")
    return weights


def draw_block(name: str, shape: tuple[int, ...], seed: int, rule: str) -> np.ndarray:
    """Draw the weight of one gate, or a weight that is not of gates; refuse a matrix rule for a vector."""
    rule_name, arguments = parse_rule(rule)
    if rule_name in MATRIX_RULES and len(shape) < 2:
        raise Refusal(f"initial weights: {rule_name} is a rule for matrices, and {name} is a vector")
    rng = np.random.default_rng(derive_seed(seed, "weights", name))
    return RULES[rule_name](rng, shape, *arguments)
