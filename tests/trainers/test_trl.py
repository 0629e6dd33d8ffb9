"""TRL trains on our exports as they are: nothing between ``load_dataset`` and the trainer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from pipeline.exporting import ExportOptions, export
from pipeline.packed import open_dataset
from pipeline.progress import Silent
from schemas.record import Pair
from tests.pipeline.packing.world import World
from tests.trainers.training import STOP, Training, prefer, supervise

pytestmark = [
    pytest.mark.trainers,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of transformers
]


def load_export(world: World, folder: Path, *, streaming: bool = False, **options: Any) -> Any:
    """A new export's rows."""
    export(world.out, folder / "export", ExportOptions(format="trl", **options), Silent())
    return load_dataset(str(folder / "export"), split="train", streaming=streaming, cache_dir=str(folder / "cache"))


def pairs(world: World) -> list[Pair]:
    dataset = open_dataset(world.out)
    return [pair for shard in dataset.shards("train") for row in dataset.read(shard) for pair in row.record.pairs]


def assert_learned_something(training: Training, steps: int) -> None:
    assert len(training.losses) == len(training.gradients) == steps
    assert all(math.isfinite(loss) and loss > 0 for loss in training.losses)
    for norms in training.gradients:
        assert all(math.isfinite(norm) for norm in norms.values())
        for part in ("visual", "language_model"):
            assert sum(norm for name, norm in norms.items() if part in name) > 0, f"no gradient reached {part}"


@pytest.mark.parametrize("streaming", [False, True], ids=["loaded", "streamed"])
def test_supervised_steps_learn_the_assistant_s_text_and_nothing_else(
    streaming: bool, packed: World, student: Path, tmp_path: Path
) -> None:
    rows = load_export(packed, tmp_path, streaming=streaming)
    training = supervise(student, rows, tmp_path / "training")
    assert_learned_something(training, steps=2)
    expected = {f"<think>\n{pair.thinking}\n</think>\n\n{pair.answer}{STOP}" for pair in pairs(packed)}
    assert len(training.learned) >= 4
    assert set(training.learned) <= expected


def test_a_student_whose_template_marks_nothing_learns_from_prompts_and_completions(
    packed: World, student: Path, tmp_path: Path
) -> None:
    rows = load_export(packed, tmp_path)
    # as docs/exporting.md has it
    rows = rows.map(
        lambda m: {"prompt": m[:1], "completion": m[1:]}, input_columns="messages", remove_columns="messages"
    )
    training = supervise(student, rows, tmp_path / "training")
    assert_learned_something(training, steps=2)
    expected = {f"<think>\n{pair.thinking}\n</think>\n\n{pair.answer}{STOP}" for pair in pairs(packed)}
    assert set(training.learned) <= expected


def test_reasoning_content_reaches_the_chat_template(packed: World, student: Path, tmp_path: Path) -> None:
    rows = load_export(packed, tmp_path, thinking="reasoning_content", teacher="kimi")
    training = supervise(student, rows, tmp_path / "training")
    assert_learned_something(training, steps=2)
    kimi = [pair for pair in pairs(packed) if pair.teacher == "kimi"]
    assert set(training.learned) <= {f"<think>{pair.thinking}</think>{pair.answer}{STOP}" for pair in kimi}


def test_steps_on_preferences_tell_the_two_teachers_apart(packed: World, student: Path, tmp_path: Path) -> None:
    rows = load_export(packed, tmp_path, preference="fewer-attempts")
    assert set(rows["chosen_teacher"]) == {"glm"}
    assert set(rows["rejected_teacher"]) == {"kimi"}
    training = prefer(student, rows, tmp_path / "training", steps=2)
    assert_learned_something(training, steps=2)
    assert training.losses[0] == pytest.approx(math.log(2), abs=1e-3)  # student and reference are still the same
    assert training.losses[1] != pytest.approx(math.log(2), abs=1e-6)
