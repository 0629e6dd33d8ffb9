"""The exports that golden files hold. To write them anew: ``python -m tests.pipeline.exporting.cases``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pipeline.exporting import FORMATS, ExportOptions, export
from pipeline.progress import Silent
from tests.pipeline.exporting.world import make_dataset, read_rows

GOLDEN = Path(__file__).parent / "golden"

CASES = {
    **{name: ExportOptions(format=name, limit=2) for name in FORMATS},
    "trl-reasoning": ExportOptions(format="trl", teacher="glm", thinking="reasoning_content", limit=2),
    "verl-reasoning": ExportOptions(format="verl", teacher="kimi", thinking="reasoning_content", limit=2),
    "llamafactory-kimi-tags": ExportOptions(format="llamafactory", teacher="first", thinking="kimi-vl", limit=2),
    "swift-glm-tags": ExportOptions(format="swift", teacher="longer", thinking="glm-4.1v", limit=2),
    "llava-answers": ExportOptions(format="llava", teacher="shorter-answer", thinking="none", limit=2),
    "trl-preference": ExportOptions(format="trl", preference="longer", limit=2),
    "trl-preference-reasoning": ExportOptions(format="trl", preference="longer", thinking="reasoning_content", limit=2),
    "llamafactory-preference": ExportOptions(format="llamafactory", preference="shorter", limit=2),
    "swift-preference": ExportOptions(format="swift", preference="longer-answer", limit=2),
}


def render(options: ExportOptions, dataset: Path, directory: Path) -> str:
    """An export as text: its rows without the pictures' bytes, and what the trainer is told of them."""
    export(dataset, directory, options, Silent())
    info = directory / "dataset_info.json"
    shown: dict[str, Any] = {"rows": [_without_bytes(row) for row in read_rows(directory)]}
    if info.exists():
        shown["dataset_info.json"] = json.loads(info.read_bytes())
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


def _without_bytes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_bytes(each) for key, each in value.items() if key != "bytes"}
    return [_without_bytes(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Write all golden files."""
    with tempfile.TemporaryDirectory() as directory:
        dataset = make_dataset(Path(directory) / "world").out
        for name, options in CASES.items():
            (GOLDEN / f"{name}.json").write_text(render(options, dataset, Path(directory) / name))


if __name__ == "__main__":
    main()
