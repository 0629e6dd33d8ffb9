from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.packed import PackedDataset, open_dataset
from schemas.completion import Rung
from tests.pipeline.packing.world import GLM, KIMI, Results, World, answer_all, make_completion, make_world

HOSTILE = (
    "</p></article><script>document.title = 'stolen'</script><img src=x onerror=\"document.title = 'stolen'\">"
    "<style>body { display: none }</style> &amp; \x1b[2J\x1b]0;stolen\x07 [bold red]loud[/] :warning: exe\u202egpj"
)
"""What a model might write, or somebody in its name."""

ANSWERS = {
    0: ("a red ball on the lawn", "a red ball on the lawn"),
    1: ("a red ball", "a dog and a cat"),
    2: ("one two three", "two three four"),
}
"""By number of the image: what the two teachers answer, so that they agree in full, in one word of six, and in half."""


def make_talkative(directory: Path) -> World:
    """A world of three shards, whose texts are told apart by filters; the last image's texts are hostile."""
    world = make_world(directory, train=8, benchmark=3)
    texts = {
        image.ref.image_id: ANSWERS.get(number, (HOSTILE, HOSTILE) if number == 10 else ("calm sea", "grey sky"))
        for number, image in enumerate(world.images)
    }
    world.results = [
        Results(
            name,
            [
                make_completion(image_id, name, f"{name} ponders {answers[which]}|{answers[which]}", rung=rung)
                for image_id, answers in texts.items()
            ],
        )
        for which, (name, rung) in enumerate(((GLM, Rung.AS_IS), (KIMI, Rung.NEW_SEED)))
    ]
    return world


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    """The packed world. Read only."""
    world = make_talkative(tmp_path_factory.mktemp("shown"))
    world.pack()
    return open_dataset(world.out)


@pytest.fixture
def one_teacher(tmp_path: Path) -> PackedDataset:
    world = make_world(tmp_path, train=2, benchmark=1)
    world.results = [answer_all(GLM, world.images)]
    world.pack()
    return open_dataset(world.out)
