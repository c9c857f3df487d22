"""Published results of Greff et al., to compare with the results of a sweep on the same data.

"LSTM: A Search Space Odyssey" (IEEE TNNLS, 2017). Figure 3 has no numbers: its values were read off the
vector drawing, to ±0.01 of the scale.
"""

from dataclasses import dataclass

# Tasks whose data and protocol are those of the paper
TIMIT_TASK, IAM_TASK, JSB_TASK = "timit", "iam_ondb", "jsb"


@dataclass(frozen=True)
class PublishedBox:
    """The test scores of a best tenth, 20 of 200 trials, in figure 3; None is outside the drawing.

    `low` and `high` are the ends of the range. `significant` says whether the paper found the mean different
    from vanilla's, by Welch's test at p = .05 with Bonferroni's correction. `median_of_all` is that of all
    200 trials.
    """

    mean: float
    median: float | None
    low: float
    high: float | None
    significant: bool = False
    median_of_all: float | None = None


PUBLISHED_BOXES = {  # frame error in per cent, character error in per cent, nats per frame
    TIMIT_TASK: {
        "lstm": PublishedBox(29.77, 29.72, 27.74, 31.31),
        "cifg": PublishedBox(29.79, 29.61, 29.11, 30.48),
        "fgr": PublishedBox(29.82, 29.90, 28.58, 30.67),
        "np": PublishedBox(30.33, 30.35, 28.93, 31.53),
        "nog": PublishedBox(30.67, 30.74, 29.45, 31.60, True),
        "niaf": PublishedBox(30.92, 30.77, 28.94, 32.84, True),
        "nig": PublishedBox(32.59, 32.54, 30.11, 34.55, True),
        "nfg": PublishedBox(34.23, 34.22, 33.33, 35.10, True),
        "noaf": PublishedBox(44.08, None, 33.88, None, True),
    },
    IAM_TASK: {
        "lstm": PublishedBox(10.58, 10.37, 9.33, 11.99),
        "cifg": PublishedBox(11.29, 11.51, 9.84, 12.95),
        "fgr": PublishedBox(11.62, 11.37, 9.70, 13.98),
        "np": PublishedBox(10.18, 10.06, 9.26, 11.34),
        "nog": PublishedBox(12.38, 12.50, 9.70, 15.45, True),
        "niaf": PublishedBox(12.93, 12.92, 10.26, 16.45, True),
        "nig": PublishedBox(15.77, 16.27, 11.01, 18.03, True),
        "nfg": PublishedBox(27.72, 29.73, 17.49, None, True),
        "noaf": PublishedBox(79.2, None, 13.12, None, True),
    },
    JSB_TASK: {
        "lstm": PublishedBox(8.550, 8.555, 8.42, 8.68, median_of_all=9.48),
        "cifg": PublishedBox(8.558, 8.565, 8.37, 8.67, median_of_all=9.56),
        "fgr": PublishedBox(8.621, 8.643, 8.48, 8.73, True, median_of_all=9.66),
        "np": PublishedBox(8.573, 8.567, 8.40, 8.77, median_of_all=9.58),
        "nog": PublishedBox(8.570, 8.582, 8.45, 8.63, median_of_all=9.60),
        "niaf": PublishedBox(8.519, 8.516, 8.39, 8.62, median_of_all=9.63),
        "nig": PublishedBox(8.516, 8.496, 8.38, 8.64, median_of_all=9.66),
        "nfg": PublishedBox(8.596, 8.615, 8.47, 8.69, True, median_of_all=9.77),
        "noaf": PublishedBox(8.990, None, 8.55, None, True, median_of_all=10.13),
    },
}

BEST_TRIALS = {  # of all 1,800 on a task, chosen on validation: the variant, and its score on the test data
    TIMIT_TASK: ("cifg", 29.6),
    IAM_TASK: ("np", 9.26),
    JSB_TASK: ("niaf", 8.38),
}

PUBLISHED_SHARES = {  # of the variance of the score, as printed in figure 5
    TIMIT_TASK: {"learning_rate": 0.67, "units": 0.10, "input_noise": 0.01, "interactions": 0.20},
    IAM_TASK: {"learning_rate": 0.89, "units": 0.02, "interactions": 0.07},
    JSB_TASK: {"learning_rate": 0.91, "input_noise": 0.02, "interactions": 0.05},
}
