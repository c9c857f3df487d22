"""What the README shows is what really runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_cell_of_the_readme_is_trained_and_compared(tmp_path):
    """In a folder of its own, as a user would; smaller than the README asks for, to take seconds."""
    [code] = [block for block in blocks("python") if "class Leaky" in block]
    assert len([line for line in code.splitlines() if line]) <= 15
    (tmp_path / "leaky.py").write_text(code, encoding="utf-8")
    [command] = [line for block in blocks("sh") for line in block.splitlines() if "leaky:Leaky" in line]
    words = command.replace("--cell lstm ", "").split()[1:]
    small = ["--task=sequential_digits", "--trials=1", "--epochs=1", "--batch=64", "--workers=0", "--lanes=1"]
    run = [sys.executable, "-c", "from suite.cli import main; main()", *words, *small, "--range=units=4:4"]
    on_jax = os.environ | {"KERAS_BACKEND": "jax"}  # it starts soonest
    subprocess.run(run, cwd=tmp_path, check=True, env=on_jax)
    page = (tmp_path / "reports" / "leaky" / "index.html").read_text(encoding="utf-8")
    assert "leaky:Leaky" in page
    assert "1 done" in page


def test_the_stock_tuner_of_the_readme_is_real(tmp_path):
    [code] = [block for block in blocks("python") if "keras_tuner.RandomSearch" in block]
    compile(code, "README.md", "exec")
    assert 'hypermodel("chorales", "lstm")' in code


def test_every_file_the_readme_names_is_there():
    root = Path(__file__).parents[1]
    named = set(re.findall(r"`((?:suite|tasks)/[\w/.]+)`", README)) | set(
        re.findall(r"\]\(([\w/.-]+)\)", README)
    )
    assert named
    assert not [name for name in named if not (root / name).exists()]
