"""What a teacher is asked: everything that decides a text, but for the engine."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engines.base import EngineRequest
from pipeline.generation.prepare import Prepared
from pipeline.generation.retries import bend_sampling
from pipeline.generation.setup import TeacherSetup
from pipeline.taxonomy import Taxonomy
from schemas.completion import Rung
from schemas.identity import request_seed


@dataclass(frozen=True, slots=True)
class Questions:
    """Makes the requests of one teacher in one build.

    Args:
        setup: the teacher.
        run_seed: the build's seed.
        taxonomy: for prompts that show the class.
    """

    setup: TeacherSetup
    run_seed: int
    taxonomy: Taxonomy

    def pose(self, image: Prepared, attempt: int, rung: Rung) -> EngineRequest:
        """The request of one attempt on one image."""
        ref = image.ref
        synset = self.taxonomy[ref.wnid]
        sampling, budget = bend_sampling(self.setup.sampling, rung)
        return EngineRequest(
            request_id=f"{ref.image_id}/{attempt}",
            image=image.picture,
            prompt=self.setup.prompt.render(synset.lemmas, synset.definition),
            sampling=sampling,
            seed=request_seed(self.run_seed, ref.image_id, self.setup.name, attempt),
            thinking_budget=budget,
            source=image.file,
            system=self.setup.spec.system,
        )
