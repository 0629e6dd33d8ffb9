from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from datasets import Features
from huggingface_hub import DatasetCard

from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.card import Placement, loading_metadata, read_front_matter, render_card
from pipeline.packing.terms import IMAGENET_TERMS_URL, read_imagenet_terms
from schemas.derived import record_features
from schemas.rejection import RejectReason
from schemas.releases import Release
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
    assert "| **selected** |  | 9 |" in card
    assert "| rejected by `pack` | 1 | 8 |" in card
    assert "| pack | refused | 1 | 100.0 % |" in card
    assert "| glm | lab/glm | main | vllm |" in card
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
        ("---\na: !!bool x\n---\n", "cannot be read"),
        ("---\na: !!int ''\n---\n", "cannot be read"),
        ("---\na: !!timestamp x\n---\n", "cannot be read"),
        ("---\na: 2023-99-99\n---\n", "cannot be read"),
    ],
    ids=["none", "not-closed", "broken", "a-list", "code", "no-bool", "no-number", "no-time", "no-date"],
)
def test_a_card_without_a_yaml_mapping_is_refused(card: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_front_matter(card)


def test_the_teacher_list_names_each_once(tmp_path: Path) -> None:
    assert card_of(tmp_path).count(f"| {GLM} | lab/{GLM} |") == 1


# --- editions, and where they are published ---


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    """A packed world. Read only."""
    world = make_world(tmp_path_factory.mktemp("world"))
    world.pack()
    return open_dataset(world.out)


def render(dataset: PackedDataset, placement: Placement, **changes: object) -> str:
    """The card of a dataset whose manifest is changed so."""
    return render_card(dataset.manifest.model_copy(update=changes), dataset.statistics, placement).decode()


def with_licences(dataset: PackedDataset, *licences: str) -> dict[str, object]:
    teachers = zip(dataset.manifest.teachers, licences, strict=True)
    return {"teachers": tuple(teacher.model_copy(update={"licence": licence}) for teacher, licence in teachers)}


def snippets(card: str) -> list[str]:
    """The card's Python."""
    return re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)


HUB = Placement("lab/set")
FOLDER = Placement()


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (999_999, "100K<n<1M"),
        (9_999_999, "1M<n<10M"),
        (13_000_000, "10M<n<100M"),
        (100_000_000, "100M<n<1B"),
    ],
)
def test_the_size_category_is_that_of_the_rows(dataset: PackedDataset, rows: int, category: str) -> None:
    assert read_front_matter(render(dataset, HUB, packed=rows))["size_categories"] == [category]


def test_pictures_on_a_hub_are_gated_by_imagenets_terms(dataset: PackedDataset) -> None:
    fields = read_front_matter(render(dataset, HUB))
    assert fields["extra_gated_prompt"] == read_imagenet_terms()
    assert "checkbox" in fields["extra_gated_fields"].values()
    assert fields["license"] == "other"
    assert fields["license_link"] == IMAGENET_TERMS_URL


@pytest.mark.parametrize(("placement", "edition"), [(FOLDER, "pictures"), (HUB, "annotations")])
def test_nothing_else_is_gated(dataset: PackedDataset, placement: Placement, edition: str) -> None:
    fields = read_front_matter(render(dataset, placement, edition=edition))
    assert not [name for name in fields if name.startswith("extra_gated")]


@pytest.mark.parametrize(
    ("licences", "licence"),
    [
        (("MIT", "MIT"), {"license": "mit"}),
        (("MIT", "Apache-2.0"), {"license": "other", "license_name": "model-licences", "license_link": "README.md"}),
        (
            ("not stated", "not stated"),
            {"license": "other", "license_name": "model-licences", "license_link": "README.md"},
        ),
    ],
    ids=["one-licence", "two-licences", "an-unknown-one"],
)
def test_annotations_have_the_licence_of_their_texts(
    dataset: PackedDataset, licences: tuple[str, ...], licence: dict[str, str]
) -> None:
    fields = read_front_matter(render(dataset, HUB, edition="annotations", **with_licences(dataset, *licences)))
    assert {name: value for name, value in fields.items() if name.startswith("license")} == licence


def test_a_model_behind_two_teachers_has_its_licence_said_once(dataset: PackedDataset) -> None:
    first, second = dataset.manifest.teachers
    model = first.identity.model
    twice = (first, second.model_copy(update={"identity": second.identity.model_copy(update={"model": model})}))
    card = render(dataset, FOLDER, teachers=twice)
    assert card.split("- **Texts.**")[1].count(f"{model}:") == 1


def test_pictures_are_never_under_the_licence_of_the_texts(dataset: PackedDataset) -> None:
    assert read_front_matter(render(dataset, HUB, **with_licences(dataset, "MIT", "MIT")))["license"] == "other"


def test_annotations_say_that_the_pictures_are_not_inside_and_how_to_get_them_back(dataset: PackedDataset) -> None:
    card = render(dataset, HUB, edition="annotations")
    tag = re.findall('revision="(release-[0-9a-f]{12})"', card)[0]
    assert "**Annotations only.** The pictures are not inside." in card
    assert f"imagenet-think rejoin hf://datasets/lab/set@{tag} --source" in card
    assert "imagenet-think rejoin path/to/this/folder --source" in render(dataset, FOLDER, edition="annotations")
    assert "**Pictures (not inside).**" in card
    assert 'row["jpg"]' not in card
    assert "`{key}.jpg`" not in card
    assert "LICENSE-IMAGENET.txt" not in card


def test_pictures_need_no_rejoining(dataset: PackedDataset) -> None:
    card = render(dataset, HUB)
    assert "imagenet-think rejoin" not in card
    assert "LICENSE-IMAGENET.txt" in card


def test_a_published_card_loads_by_the_repositorys_name(dataset: PackedDataset) -> None:
    card = render(dataset, HUB)
    assert 'load_dataset("lab/set"' in card
    assert "path/to/this/folder" not in card
    assert f'revision="release-{dataset.manifest.sha256[:12]}"' in card


def test_the_preview_is_named_where_there_is_one(dataset: PackedDataset) -> None:
    shard = dataset.manifest.shards[0].model_copy(update={"path": "preview/preview-00000-of-00001.tar", "images": 100})
    line = 'preview = load_dataset("lab/set", "preview", split="train")  # the first 100 rows'
    assert line in render(dataset, HUB, preview=shard)
    assert "preview" not in render(dataset, HUB, preview=None)


@pytest.mark.parametrize("placement", [FOLDER, HUB], ids=["folder", "hub"])
@pytest.mark.parametrize("edition", ["pictures", "annotations"])
def test_the_cards_python_is_python(dataset: PackedDataset, placement: Placement, edition: str) -> None:
    found = snippets(render(dataset, placement, edition=edition))
    assert len(found) == 2
    for snippet in found:
        compile(snippet, "card", "exec")


def test_the_cards_python_reads_the_dataset(
    dataset: PackedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    names: dict[str, Any] = {}
    for snippet in snippets(render(dataset, FOLDER)):
        exec(snippet.replace("path/to/this/folder", str(dataset.root)), names)
    assert names["dataset"].num_rows == dataset.statistics.splits
    first = next(iter(dataset.read(dataset.shards("train")[0])))
    assert names["row"]["json"]["image_id"] == first.key
    assert first.record.pairs[1].thinking in capsys.readouterr().out
    assert len(list(names["samples"])) == dataset.statistics.splits["train"]


@pytest.mark.parametrize("edition", ["pictures", "annotations"])
def test_the_hubs_client_reads_the_yaml_and_keeps_all_of_it(dataset: PackedDataset, edition: str) -> None:
    text = render(dataset, HUB, edition=edition)
    card = DatasetCard(text)
    assert card.data.to_dict() == read_front_matter(text)  # type: ignore[no-untyped-call] # no annotations there
    assert card.text.strip().startswith("# imagenet-think")


def test_changes_are_told_release_by_release(dataset: PackedDataset) -> None:
    old, new = (
        Release(
            id=digit * 12, manifest_sha256=digit * 64, edition="annotations", images=n, added=n, removed=2, changed=3456
        )
        for digit, n in (("a", 1500), ("b", 9))
    )
    card = render(dataset, Placement("lab/set", (new, old)))
    assert (
        "| `bbbbbbbbbbbb` | annotations | 9 | 9 | 2 | 3,456 |\n"
        "| `aaaaaaaaaaaa` | annotations | 1,500 | 1,500 | 2 | 3,456 |\n"
    ) in card
    assert "## Changes" not in render(dataset, HUB)


def test_the_card_says_whether_the_teachers_saw_the_label(dataset: PackedDataset) -> None:
    told = dataset.manifest.prompt.model_copy(update={"label_shown": True})
    assert "The teachers were told the label" in render(dataset, FOLDER, prompt=told)
    assert "The teachers were not told the label" in render(dataset, FOLDER)


def test_the_card_says_that_no_class_is_a_kind_of_people(dataset: PackedDataset) -> None:
    assert "No class is a kind of people." in render(dataset, FOLDER)


@pytest.mark.parametrize("placement", [FOLDER, HUB], ids=["folder", "hub"])
@pytest.mark.parametrize("edition", ["pictures", "annotations"])
def test_the_card_is_well_formed(dataset: PackedDataset, placement: Placement, edition: str) -> None:
    """Every table stands apart, has a head and as many cells in each row; headings and lists stand apart, too."""
    text = render(dataset, placement, edition=edition).partition("\n---\n")[2]
    prose = re.sub(r"```.*?```", "code", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n", prose):
        lines = block.strip().splitlines()
        if any(line.startswith("|") for line in lines):
            assert len({line.count("|") for line in lines}) == 1, block
            assert set(lines[1]) <= set("|-:"), block
        if any(line.startswith("#") for line in lines):
            assert len(lines) == 1, block
    assert "\n\n\n" not in prose
