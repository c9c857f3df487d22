"""The features of speech agree with their definition, written out in loops."""

import cmath
import itertools
import math

import numpy as np
import pytest

from tasks import mfcc

SIGNAL = np.random.default_rng(0).integers(-9000, 9000, 900).astype(np.int16)  # four windows


def mel(frequency):
    return 2595 * math.log10(1 + frequency / 700)


def defined_features(samples, hop):
    """Return MFCC 1 to 12 and the log energy of every window, as in the HTK Book, in plain loops."""
    samples = [float(sample) for sample in samples]
    emphasised = [samples[0]] + [b - 0.97 * a for a, b in itertools.pairwise(samples)]
    corners = [700 * (10 ** (mel(8000) * k / 27 / 2595) - 1) for k in range(28)]
    roots = [cmath.exp(-2j * math.pi * n / 512) for n in range(512)]
    rows = []
    for start in range(0, len(samples) - 399, hop):
        window = [
            s * (0.54 - 0.46 * math.cos(2 * math.pi * n / 399))
            for n, s in enumerate(emphasised[start : start + 400])
        ]
        power = [abs(sum(s * roots[k * n % 512] for n, s in enumerate(window))) ** 2 for k in range(257)]
        log_mel = []
        for low, centre, high in zip(corners, corners[1:], corners[2:], strict=False):
            weights = [
                max(0, min((31.25 * k - low) / (centre - low), (high - 31.25 * k) / (high - centre)))
                for k in range(257)
            ]
            log_mel.append(math.log(sum(w * p for w, p in zip(weights, power, strict=True))))
        cepstra = [
            math.sqrt(2 / 26) * sum(m * math.cos(math.pi * n / 26 * (j + 0.5)) for j, m in enumerate(log_mel))
            for n in range(1, 13)
        ]
        rows.append([*cepstra, math.log(sum(s**2 for s in samples[start : start + 400]))])
    return np.array(rows)


def defined_delta(rows):
    """Return the regression over two windows each way, with the first and the last repeated."""
    last = len(rows) - 1
    return np.array(
        [
            sum(theta * (rows[min(t + theta, last)] - rows[max(t - theta, 0)]) for theta in (1, 2)) / 10
            for t in range(len(rows))
        ]
    )


def test_features_are_those_of_the_definition():
    static = defined_features(SIGNAL, 160)
    delta = defined_delta(static)
    defined = np.hstack([static, delta, defined_delta(delta)])
    assert defined.shape == (4, mfcc.FEATURES)
    np.testing.assert_allclose(mfcc.mfcc_features(SIGNAL, 160), defined, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("samples", "hop", "count"), [(400, 160, 1), (559, 160, 1), (560, 160, 2), (800, 80, 6)]
)
def test_a_window_is_whole_and_its_centre_within_the_audio(samples, hop, count):
    assert len(mfcc.mfcc_features(np.ones(samples), hop)) == count
    assert mfcc.window_centres(count, hop)[-1] == 200 + (count - 1) * hop <= samples - 200


def test_digital_silence_has_features_of_zero():
    assert not mfcc.mfcc_features(np.zeros(800, np.int16), 160).any()


def test_the_slope_of_a_line_is_constant_away_from_its_ends():
    line = np.arange(8.0)[:, None] * [3, -1]
    np.testing.assert_allclose(mfcc.regression_delta(line)[2:-2], np.tile([3, -1], (4, 1)))
