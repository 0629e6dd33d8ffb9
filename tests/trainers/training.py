"""A few steps of TRL's trainers on a small student, and what was seen while they were made."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STOP = "<|endoftext|>"

CHAT_TEMPLATE = """\
[gMASK]<sop>
{%- for message in messages %}<|{{ message.role }}|>
{% if message.role == "assistant" %}{% generation %}
{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}
{%- for part in message.content %}{{ part.text }}{% endfor %}<|endoftext|>{% endgeneration %}
{%- else %}
{%- for part in message.content %}
{%- if part.type == "image" %}<|begin_of_image|><|image|><|end_of_image|>{% else %}{{ part.text }}{% endif %}
{%- endfor %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}"""
"""The teacher's way of writing a conversation, with marks around what is to be learned, as TRL wants them."""

SETTINGS: dict[str, Any] = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "dataloader_pin_memory": False,
    "save_strategy": "no",
    "logging_steps": 1,
    "disable_tqdm": True,
    "report_to": [],
    "max_length": None,
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 2,
}


@dataclass
class Training:
    """What a training came to."""

    losses: list[float] = field(default_factory=list)
    """One per step."""
    gradients: list[dict[str, float]] = field(default_factory=list)
    """Norms by parameter, one dictionary per step."""
    learned: list[str] = field(default_factory=list)
    """Texts that the loss of supervised steps was computed on, one per row."""


def supervise(student: Path, rows: Any, scratch: Path, steps: int = 2) -> Training:
    """Fine-tune by TRL's ``SFTTrainer`` on conversations, or on prompts and completions.

    Args:
        student: checkpoint to start from.
        rows: what ``load_dataset`` made of an export, in full or as a stream.
        scratch: an empty folder.
        steps: of two rows each.
    """
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415 - not in the core installation

    # of prompts and completions TRL learns the completions without being told
    assistant_only = "messages" in rows.features
    settings = SFTConfig(output_dir=str(scratch), max_steps=steps, assistant_only_loss=assistant_only, **SETTINGS)
    processor = load_processor(student, is_marked=assistant_only)
    trainer = SFTTrainer(model=_load(student), args=settings, train_dataset=rows, processing_class=processor)
    seen = Training()
    trainer.data_collator = _noting(trainer.data_collator, processor.tokenizer, seen)
    return _train(trainer, seen)


def prefer(student: Path, rows: Any, scratch: Path, steps: int = 1) -> Training:
    """Train on preferences by TRL's ``DPOTrainer``; for arguments see :func:`supervise`."""
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415 - not in the core installation

    settings = DPOConfig(output_dir=str(scratch), max_steps=steps, **SETTINGS)
    trainer = DPOTrainer(
        model=_load(student), args=settings, train_dataset=rows, processing_class=load_processor(student)
    )
    return _train(trainer, Training())


def load_processor(student: Path, *, is_marked: bool = True) -> Any:
    """The student's processor, with a chat template that marks what is to be learned, or one that does not."""
    from transformers import AutoProcessor  # noqa: PLC0415 - not in the core installation

    processor = AutoProcessor.from_pretrained(student)
    marks = () if is_marked else ("{% generation %}", "{% endgeneration %}")
    processor.chat_template = functools.reduce(lambda text, mark: text.replace(mark, ""), marks, CHAT_TEMPLATE)
    return processor


def _load(student: Path) -> Any:
    from transformers import Glm4vForConditionalGeneration  # noqa: PLC0415 - not in the core installation

    return Glm4vForConditionalGeneration.from_pretrained(student)


def _noting(collate: Callable[[Any], Any], tokenizer: Any, seen: Training) -> Callable[[Any], Any]:
    def work(rows: Any) -> Any:
        batch = collate(rows)
        seen.learned += [tokenizer.decode(labels[labels != -100]) for labels in batch["labels"]]
        return batch

    return work


def _train(trainer: Any, seen: Training) -> Training:
    from transformers import TrainerCallback  # noqa: PLC0415 - not in the core installation

    class Watch(TrainerCallback):  # type: ignore[misc]  # a class of no type where transformers is missing
        def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
            gradients = {name: weight.grad for name, weight in model.named_parameters()}
            seen.gradients.append(
                {name: 0.0 if grad is None else float(grad.norm()) for name, grad in gradients.items()}
            )

    trainer.add_callback(Watch())
    trainer.train()
    seen.losses += [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return seen
