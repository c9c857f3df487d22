"""Packages that are installed as far as Python can tell."""


def install(folder, group, entry_point):
    """Put the traces of an installed package with one entry point into a folder."""
    info = folder / f"{group}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {group}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry_point}\n", encoding="utf-8")
