"""A logits processor that leaves the engine no choice: real scheduling, detokenizing and stopping, prescribed texts.

vLLM finds it through the entry point that the shim declares, in whatever process samples.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from tests.vllm.script import read_script


class ScriptedLogitsProcessor(AdapterLogitsProcessor):  # type: ignore[misc]  # vLLM is no part of the core
    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(
        self, params: SamplingParams
    ) -> Callable[[list[int], torch.Tensor], torch.Tensor] | None:
        script = read_script(params.seed)
        if not script:
            return None

        def force(output_ids: list[int], logits: torch.Tensor) -> torch.Tensor:
            # Only their number counts: with asynchronous scheduling the last ids are not known yet.
            if len(output_ids) >= len(script):
                return logits
            forced = torch.full_like(logits, float("-inf"))
            forced[script[len(output_ids)]] = 0.0
            return forced

        return force
