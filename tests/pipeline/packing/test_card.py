from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Features

from pipeline.packing.card import loading_metadata, read_front_matter
from schemas.derived import record_features
from schemas.rejection import RejectReason
from tests.pipeline.packing.world import GLM, KIMI, TENCH, answer_all, make_world


def card_of(directory: Path, engine: str = "vllm") -> str:
    world = make_world(directory)
    world.results[1] = answer_all(KIMI, world.images[1:], engine=engine)
    world.results[1].faults[f"{TENCH}_0"] = (RejectReason.REFUSED, "kimi: refused")
    world.pack()
    return (world.out / "README.md").read_text()


def test_the_yaml_leads_load_dataset_to_the_shards_with_types_and_counts(tmp_path: Path) -> None:
    fields = read_front_matter(card_of(tmp_path))
    (config,) = fields["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "data/train-*.tar"},
        {"split": "benchmark", "path": "data/benchmark-*.tar"},
    ]
    (info,) = fields["dataset_info"]
    assert Features._from_yaml_list(info["features"]) == record_features()
    assert [(split["name"], split["num_examples"]) for split in info["splits"]] == [("train", 5), ("benchmark", 3)]
    assert fields["license"] == "other"
    assert fields["size_categories"] == ["n<1K"]


def test_the_yaml_is_the_manifests(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    manifest = world.pack()
    fields = read_front_matter((world.out / "README.md").read_text())
    assert {name: fields[name] for name in ("configs", "dataset_info")} == loading_metadata(manifest)


def test_the_text_accounts_for_what_was_dropped(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert "Of 9 selected images 8 are here" in card
    assert "| pack | refused | 1 |" in card
    assert "| glm | lab/glm | main | vllm | 8 |" in card
    assert "| glm | 8 |" in card
    assert "lab/kimi: MIT" in card


def test_texts_that_no_model_wrote_are_announced(tmp_path: Path) -> None:
    assert "Not written by a model" in card_of(tmp_path / "pixels", engine="pixels")
    assert "Not written by a model" not in card_of(tmp_path / "vllm", engine="vllm")


def test_the_card_names_no_place_of_its_making(tmp_path: Path) -> None:
    assert str(tmp_path) not in card_of(tmp_path)


def test_every_field_of_the_record_is_listed(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert "| `image_id` | string |" in card
    assert "| `lemmas[]` | string |" in card
    assert "| `stratum` | string |" in card
    assert "| `weight` | double |" in card
    assert "| `blurred` | bool |" in card
    assert "| `pairs[].stop_reason` | string or null |" in card
    assert "| `pairs[].scores.compression` | double |" in card


def test_the_card_says_what_the_weights_are_for(tmp_path: Path) -> None:
    fields = card_of(tmp_path).partition("## Fields")[2]
    assert "`weight` says" in fields
    assert "an estimate for the collection as it is" in fields


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        ("# no yaml\n", "does not begin with YAML"),
        ("---\nlicense: other\n", "does not begin with YAML"),
        ("---\na: [\n---\n", "cannot be read"),
        ("---\n- a\n---\n", "no mapping"),
        ("---\na: !!python/object:os.system {}\n---\n", "cannot be read"),
    ],
    ids=["none", "not-closed", "broken", "a-list", "code"],
)
def test_a_card_without_a_yaml_mapping_is_refused(card: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_front_matter(card)


def test_the_teacher_list_names_each_once(tmp_path: Path) -> None:
    assert card_of(tmp_path).count(f"| {GLM} | lab/{GLM} |") == 1
