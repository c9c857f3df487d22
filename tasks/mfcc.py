"""Mel-frequency cepstral coefficients (MFCC) of speech: 39 numbers for every window of 25 ms.

A window k covers the samples k·hop … k·hop + 399 of audio at 16 kHz; there is no padding, so a second of
audio with a hop of 10 ms (160 samples) has 1 + (16,000 − 400) // 160 = 98 windows. The columns are

    0–11   MFCC 1 to 12          13–24  their Δ         26–37  their ΔΔ
    12     log energy            25     its Δ           38     its ΔΔ

The definitions are those of the HTK Book (Young et al., 2006, chapter 5), with these choices: samples are
16-bit integers; pre-emphasis is of the whole signal, its first sample unchanged; the 26 mel filters are
triangles in Hz over the power spectrum of an FFT of 512 points, from 0 to 8,000 Hz; the energy is that of the
samples before pre-emphasis and window; logarithms are of at least 1. There is no lifter: it multiplies every
coefficient by a constant, which `tasks.splits.standardise_inputs` divides out.
"""

import functools

import numpy as np

SAMPLE_RATE = 16_000
WINDOW = 400  # samples: 25 ms
FFT_POINTS = 512
MEL_FILTERS, CEPSTRA = 26, 12
FEATURES = 3 * (CEPSTRA + 1)
PRE_EMPHASIS = 0.97
DELTA_REACH = 2  # windows before and after the one whose Δ is computed


def mfcc_features(samples: np.ndarray, hop: int) -> np.ndarray:
    """Return the features of all windows, (windows, 39), of samples (at least 400,); `hop` is in samples."""
    static = static_features(samples, hop)
    delta = regression_delta(static)
    return np.concatenate([static, delta, regression_delta(delta)], axis=1)


def static_features(samples: np.ndarray, hop: int) -> np.ndarray:
    """Return the MFCC and the log energy of all windows, (windows, 13)."""
    signal = samples.astype(float)
    energy = np.square(signal_windows(signal, hop)).sum(axis=1)
    emphasised = np.append(signal[0], signal[1:] - PRE_EMPHASIS * signal[:-1])
    spectrum = np.fft.rfft(signal_windows(emphasised, hop) * np.hamming(WINDOW), FFT_POINTS)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    log_mel = np.log(np.maximum(power @ mel_filters().T, 1))
    return np.column_stack([log_mel @ cosine_transform().T, np.log(np.maximum(energy, 1))])


def signal_windows(signal: np.ndarray, hop: int) -> np.ndarray:
    """Return the windows of a signal as a view, (windows, 400)."""
    return np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::hop]


def window_centres(count: int, hop: int) -> np.ndarray:
    """Return the sample at the centre of each of the first windows, (count,)."""
    return np.arange(count) * hop + WINDOW // 2


@functools.cache
def mel_filters() -> np.ndarray:
    """Return the weights of the mel filters, (26, 257), on the frequencies of the FFT.

    On the scale mel(f) = 2595 log10(1 + f / 700), the corners of the triangles are equally spaced; each
    filter rises to 1 at the corner where the next one begins.
    """
    corners_mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), MEL_FILTERS + 2)
    corners = 700 * (10 ** (corners_mel / 2595) - 1)
    low, centre, high = (corners[k : k + MEL_FILTERS, None] for k in range(3))
    frequencies = np.arange(FFT_POINTS // 2 + 1) * SAMPLE_RATE / FFT_POINTS
    rise, fall = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    return np.maximum(0, np.minimum(rise, fall))


@functools.cache
def cosine_transform() -> np.ndarray:
    """Return the matrix from log mel energies to cepstral coefficients 1 to 12, (12, 26)."""
    order, mel = np.arange(1, CEPSTRA + 1)[:, None], np.arange(MEL_FILTERS)
    return np.sqrt(2 / MEL_FILTERS) * np.cos(np.pi * order * (mel + 0.5) / MEL_FILTERS)


def regression_delta(x: np.ndarray) -> np.ndarray:
    """Return the slopes of x over time, (windows, …), by HTK's regression over two windows each way.

    Δ_t = Σ_θ θ (x_{t+θ} − x_{t−θ}) / (2 Σ_θ θ²), θ = 1, 2; the first and last window are repeated beyond
    the ends.
    """
    steps = len(x)
    padded = np.pad(x, ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    reach = range(1, DELTA_REACH + 1)
    after = {theta: padded[DELTA_REACH + theta :][:steps] for theta in reach}
    before = {theta: padded[DELTA_REACH - theta :][:steps] for theta in reach}
    slopes = sum(theta * (after[theta] - before[theta]) for theta in reach)
    return slopes / (2 * sum(theta**2 for theta in reach))
