"""A small folder in the format of IAM-OnDB, for tests."""

import itertools

import numpy as np

TEXTS = ("Say 81 (or #2):", "A B; [c]", "It's 5 & 6, OK?")
LISTS = {
    "trainset.txt": ["a01-000u", "a08-551z", "b02-013"],
    "testset_v.txt": ["c03-010a"],
    "testset_t.txt": ["d04-020b"],
    "testset_f.txt": ["e05-030c"],
}


def write_iam_folder(folder):
    """Write the folder `IAM-OnDB` with six forms of three lines; return its path."""
    root = folder / "IAM-OnDB"
    rng = np.random.default_rng(0)
    for name, forms in LISTS.items():
        write(root / name, "".join(f" {form}\n" for form in forms))
        for form in forms:
            path = f"{form[:3]}/{form[:7]}/{form}"
            lines = [f"{text} {form[:3]}" for text in TEXTS]
            write(root / f"ascii/{path}.txt", "\n".join(["OCR:", "", "?", "", "CSR:", "", *lines]) + "\n")
            for number in range(1, len(lines) + 1):
                write(root / f"lineStrokes/{path}-{number:02}.xml", strokes_xml(rng))
    return root


def write(path, text):
    """Write a text file, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="latin-1")


def strokes_xml(rng, lengths=(30, 1, 28)):
    """Return a line with strokes of these lengths, at random places, as the database writes it."""
    clock = itertools.count(76905)
    strokes = ""
    for length in lengths:
        points = [
            f'<Point x="{x}" y="{y}" time="{next(clock) / 100:.2f}"/>'
            for x, y in rng.integers(900, 3000, (length, 2))
        ]
        strokes += f'<Stroke colour="black" start_time="0" end_time="1">{"".join(points)}</Stroke>\n'
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<WhiteboardCaptureSession>\n<WhiteboardDescription>\n'
        '<SensorLocation corner="top_left"/>\n<DiagonallyOppositeCoords x="6912" y="8798"/>\n'
        f"</WhiteboardDescription>\n<StrokeSet>\n{strokes}</StrokeSet>\n</WhiteboardCaptureSession>\n"
    )
