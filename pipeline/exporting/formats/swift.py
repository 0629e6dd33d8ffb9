"""ms-swift: ``messages`` and ``images``; a preference adds ``rejected_response``.

Not ``rejected_messages``: with these, ms-swift no longer gives the rejected side the picture of the chosen one
(``swift/template/template_inputs.py``). Fields of a message other than role and content it drops.
"""

from __future__ import annotations

from typing import Any

from pipeline.exporting.examples import Example
from pipeline.exporting.formats.base import IMAGE, Format, assistant, user


def _row(example: Example, picture: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": example.id,
        "images": [picture],
        "messages": [user(f"{IMAGE}{example.record.prompt}"), assistant(example.answer)],
    }
    if example.rejected is not None:
        row["rejected_response"] = example.rejected.content
    return row


SWIFT = Format(
    name="swift",
    reader="ms-swift 4.6",
    storage="jsonl",
    row=_row,
    reasoning_content=False,
    preferences=True,
)
