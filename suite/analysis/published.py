"""What others measured: numbers of papers, to stand beside ours where the data is the same.

Greff et al. are "LSTM: A Search Space Odyssey" (IEEE TNNLS, 2017). Figure 3 is vector graphics, without
numbers: its values were read off the drawing, to ±0.01 of the scale.
"""

from dataclasses import dataclass

TIMIT, IAM, JSB = "timit", "iam_ondb", "jsb"  # the names of tasks whose data and protocol are the paper's


@dataclass(frozen=True)
class Box:
    """The test scores of a best tenth, 20 of 200 trials, as Figure 3 draws them; None is off the drawing.

    `significant` says whether the paper found the mean different from vanilla's: Welch's test at p = .05 with
    Bonferroni's correction.
    """

    mean: float
    median: float | None
    low: float
    high: float | None
    significant: bool = False


FIGURE_3 = {  # frame error in per cent, character error in per cent, nats per frame
    TIMIT: {
        "lstm": Box(29.77, 29.72, 27.74, 31.31),
        "cifg": Box(29.79, 29.61, 29.11, 30.48),
        "fgr": Box(29.82, 29.90, 28.58, 30.67),
        "np": Box(30.33, 30.35, 28.93, 31.53),
        "nog": Box(30.67, 30.74, 29.45, 31.60, True),
        "niaf": Box(30.92, 30.77, 28.94, 32.84, True),
        "nig": Box(32.59, 32.54, 30.11, 34.55, True),
        "nfg": Box(34.23, 34.22, 33.33, 35.10, True),
        "noaf": Box(44.08, None, 33.88, None, True),
    },
    IAM: {
        "lstm": Box(10.58, 10.37, 9.33, 11.99),
        "cifg": Box(11.29, 11.51, 9.84, 12.95),
        "fgr": Box(11.62, 11.37, 9.70, 13.98),
        "np": Box(10.18, 10.06, 9.26, 11.34),
        "nog": Box(12.38, 12.50, 9.70, 15.45, True),
        "niaf": Box(12.93, 12.92, 10.26, 16.45, True),
        "nig": Box(15.77, 16.27, 11.01, 18.03, True),
        "nfg": Box(27.72, 29.73, 17.49, None, True),
        "noaf": Box(79.2, None, 13.12, None, True),
    },
    JSB: {
        "lstm": Box(8.550, 8.555, 8.42, 8.68),
        "cifg": Box(8.558, 8.565, 8.37, 8.67),
        "fgr": Box(8.621, 8.643, 8.48, 8.73, True),
        "np": Box(8.573, 8.567, 8.40, 8.77),
        "nog": Box(8.570, 8.582, 8.45, 8.63),
        "niaf": Box(8.519, 8.516, 8.39, 8.62),
        "nig": Box(8.516, 8.496, 8.38, 8.64),
        "nfg": Box(8.596, 8.615, 8.47, 8.69, True),
        "noaf": Box(8.990, None, 8.55, None, True),
    },
}

MEDIANS_OF_ALL = {  # of the test scores of all 200 trials, also Figure 3
    JSB: {
        "lstm": 9.48,
        "cifg": 9.56,
        "fgr": 9.66,
        "np": 9.58,
        "nog": 9.60,
        "niaf": 9.63,
        "nig": 9.66,
        "nfg": 9.77,
        "noaf": 10.13,
    },
}

FIGURE_5 = {  # shares of the variance of the score, as printed there; what it prints nothing for is left out
    TIMIT: {"learning_rate": 0.67, "units": 0.10, "input_noise": 0.01, "interactions": 0.20},
    IAM: {"learning_rate": 0.89, "units": 0.02, "interactions": 0.07},
    JSB: {"learning_rate": 0.91, "input_noise": 0.02, "interactions": 0.05},
}
