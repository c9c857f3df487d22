"""Every cell over a whole sequence in NumPy, from the equations of the papers, without the suite.

A function takes the weights of each gate ("W/z" (features, units), "R/z" (units, units), "b/z" (units,),
"p/i" (units,), "R/G") and x (batch, steps, features), and yields y (batch, units) step by step. A name that
ends in `_` is the value of the last step. The LSTMs are those of Greff et al. (2017), section II.
"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def pre(w, gate, x, y_):
    return x @ w[f"W/{gate}"] + y_ @ w[f"R/{gate}"] + w[f"b/{gate}"]


def rest(w, x):
    return np.zeros((len(x), len(w["R/z"])))


def steps(x):
    return np.swapaxes(x, 0, 1)


def rnn(w, xs):
    y = rest(w, xs)
    for x in steps(xs):
        y = np.tanh(pre(w, "z", x, y))
        yield y


def lstm(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        z = np.tanh(pre(w, "z", x, y_))
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_)
        c = z * i + c_ * f
        o = sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        y = np.tanh(c) * o
        yield y


def nig(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_)
        c = np.tanh(pre(w, "z", x, y_)) + c_ * f
        y = np.tanh(c) * sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        yield y


def nfg(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        c = np.tanh(pre(w, "z", x, y_)) * i + c_
        y = np.tanh(c) * sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        yield y


def nog(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_)
        c = np.tanh(pre(w, "z", x, y_)) * i + c_ * f
        y = np.tanh(c)
        yield y


def niaf(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_)
        c = pre(w, "z", x, y_) * i + c_ * f
        y = np.tanh(c) * sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        yield y


def noaf(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_)
        c = np.tanh(pre(w, "z", x, y_)) * i + c_ * f
        y = c * sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        yield y


def no_peepholes(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        z, i, f, o = (pre(w, gate, x, y) for gate in "zifo")
        c = np.tanh(z) * sigmoid(i) + c * sigmoid(f)
        y = np.tanh(c) * sigmoid(o)
        yield y


def cifg(w, xs):
    y = c = rest(w, xs)
    for x in steps(xs):
        y_, c_ = y, c
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_)
        c = np.tanh(pre(w, "z", x, y_)) * i + c_ * (1 - i)
        y = np.tanh(c) * sigmoid(pre(w, "o", x, y_) + w["p/o"] * c)
        yield y


def fgr(w, xs):
    """The nine matrices in G: rows are i, f, o of the step before, columns i, f, o of this step."""
    units = len(w["R/z"])
    nine = w["R/G"].reshape(3, units, 3, units)
    ii, if_, io, fi, ff, fo, oi, of, oo = (nine[a, :, b] for a in range(3) for b in range(3))
    y = c = i = f = o = rest(w, xs)
    for x in steps(xs):
        y_, c_, i_, f_, o_ = y, c, i, f, o
        z = np.tanh(pre(w, "z", x, y_))
        i = sigmoid(pre(w, "i", x, y_) + w["p/i"] * c_ + i_ @ ii + f_ @ fi + o_ @ oi)
        f = sigmoid(pre(w, "f", x, y_) + w["p/f"] * c_ + i_ @ if_ + f_ @ ff + o_ @ of)
        c = z * i + c_ * f
        o = sigmoid(pre(w, "o", x, y_) + w["p/o"] * c + i_ @ io + f_ @ fo + o_ @ oo)
        y = np.tanh(c) * o
        yield y


def gru(w, xs):
    """Cho et al. (2014), eq. 5–8, with z and 1 − z as in Chung et al. (2014), eq. 4."""
    y = rest(w, xs)
    for x in steps(xs):
        z, r = sigmoid(pre(w, "z", x, y)), sigmoid(pre(w, "r", x, y))
        candidate = np.tanh(pre(w, "g", x, r * y))
        y = (1 - z) * y + z * candidate
        yield y


NAMED = (rnn, lstm, nig, nfg, nog, niaf, noaf, cifg, fgr, gru)
ORACLES = {oracle.__name__: oracle for oracle in NAMED} | {"np": no_peepholes}


def outputs(name, w, x):
    """Return y of every step, (batch, steps, units)."""
    return np.stack(list(ORACLES[name](w, x)), axis=1)


def central_differences(f, arrays, width=1e-5):
    """Return the gradient of f(), which reads the arrays, by each of them."""
    gradients = {}
    for name, array in arrays.items():
        gradients[name] = np.empty_like(array)
        for k in np.ndindex(array.shape):
            here = array[k]
            array[k] = here + width
            above = f()
            array[k] = here - width
            below = f()
            array[k] = here
            gradients[name][k] = (above - below) / (2 * width)
    return gradients
