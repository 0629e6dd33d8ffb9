from __future__ import annotations

import io
import json
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpath_rw
import mlcroissant
import pyarrow as pa
import pytest
from absl import logging as absl_logging
from etils import epath
from PIL import Image

from pipeline.packed import open_dataset
from pipeline.packing.card import Placement
from pipeline.packing.citation import read_citation
from pipeline.packing.croissant import describe_for_croissant
from pipeline.progress import Silent
from pipeline.publishing.editions import stage_release
from schemas.derived import record_arrow_schema
from schemas.manifest import Edition
from tests.pipeline.packing.varied import make_varied_world
from tests.pipeline.packing.world import GLM, World, make_completion, make_world

# mlcroissant brings absl, whose log handler takes whatever standard error is when it is imported, and closes it when
# somebody sets up logging anew: here that would be pytest's own capture.
absl_logging.get_absl_handler().python_handler.setStream(io.StringIO())

EDITIONS: tuple[Edition, ...] = ("pictures", "annotations")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packed world of 6 + 3 images. Read only."""
    world = make_world(tmp_path_factory.mktemp("packed"))
    world.pack()
    return world


@pytest.fixture(scope="module")
def folders(packed: World, tmp_path_factory: pytest.TempPathFactory) -> dict[Edition, Path]:
    """Both editions. Read only."""
    folder = tmp_path_factory.mktemp("editions")
    for edition in EDITIONS:
        stage_release(open_dataset(packed.out), folder / edition, edition, Placement(), Silent(), workers=1)
    return {edition: folder / edition for edition in EDITIONS}


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "croissant.json").read_bytes())
    return content


def members(folder: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    for shard in open_dataset(folder).manifest.shards:
        with tarfile.open(folder / shard.path) as archive:
            for member in archive:
                key, _, found = member.name.partition(".")
                if found == suffix:
                    yield key, archive.extractfile(member).read()  # type: ignore[union-attr]  # all are files


def leaves(fields: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for field in fields:
        yield from leaves(field["subField"]) if "subField" in field else (field,)


def record_set(folder: Path, name: str) -> list[dict[str, Any]]:
    (found,) = (entry for entry in read(folder)["recordSet"] if entry["@id"] == name)
    fields: list[dict[str, Any]] = found["field"]
    return fields


@pytest.mark.parametrize("edition", EDITIONS)
def test_mlcroissant_finds_nothing_wrong_and_asks_no_network(
    folders: dict[Edition, Path], edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    issues = mlcroissant.Dataset(folders[edition] / "croissant.json").metadata.ctx.issues
    assert list(issues.errors) == []
    # a date would be another one at every build
    assert [warning for warning in issues.warnings if "datePublished" not in warning] == []


def test_every_shard_is_listed_with_its_checksum(folders: dict[Edition, Path]) -> None:
    for edition, folder in folders.items():
        manifest, distribution = open_dataset(folder).manifest, read(folder)["distribution"]
        files = {entry["contentUrl"]: entry for entry in distribution if entry["@type"] == "cr:FileObject"}
        assert {path: (entry["sha256"], entry["contentSize"]) for path, entry in files.items()} == {
            shard.path: (shard.sha256, f"{shard.bytes} B") for shard in manifest.shards
        }
        sets = [entry for entry in distribution if entry["@type"] == "cr:FileSet"]
        assert {entry["includes"] for entry in sets} == {
            "*.json",
            "*.cls",
            *(["*.jpg"] if edition == "pictures" else []),
        }
        assert all([part["@id"] for part in entry["containedIn"]] == list(files) for entry in sets)


# --- the fields ---

TYPES = {"sc:Text": str, "sc:Boolean": bool, "cr:Int64": int, "cr:Float64": float}


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_path_leads_to_a_value_of_the_declared_type_in_every_record(
    folders: dict[Edition, Path], edition: Edition
) -> None:
    fields = [field for field in leaves(record_set(folders[edition], "records")) if field["@id"] != "records/key"]
    paths = [jsonpath_rw.parse(field["source"]["extract"]["jsonPath"]) for field in fields]
    for _, data in members(folders[edition], "json"):
        for field, path in zip(fields, paths, strict=True):
            values = [match.value for match in path.find(json.loads(data))]
            assert values
            assert all(value is None or type(value) is TYPES[field["dataType"]] for value in values)


def test_the_fields_are_those_of_the_record_in_its_order_and_nesting(folders: dict[Edition, Path]) -> None:
    def flatten(fields: pa.Schema | pa.StructType, path: str) -> Iterator[tuple[str, bool]]:
        for field in fields:
            is_list = pa.types.is_list(field.type)
            kind = field.type.value_type if is_list else field.type
            yield f"{path}/{field.name}", is_list
            if pa.types.is_struct(kind):
                yield from flatten(kind, f"{path}/{field.name}")

    def described(fields: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
        for field in fields:
            yield field["@id"], field.get("isArray", False)
            yield from described(field.get("subField", []))

    found = list(described(record_set(folders["pictures"], "records")))
    assert found == [("records/key", False), *flatten(record_arrow_schema(), "records")]


@pytest.mark.parametrize("edition", EDITIONS)
def test_only_an_edition_with_pictures_has_them_among_its_records(
    folders: dict[Edition, Path], edition: Edition
) -> None:
    names = [entry["@id"] for entry in read(folders[edition])["recordSet"]]
    assert names == ["records", "labels", *(["pictures"] if edition == "pictures" else [])]


def test_mlcroissant_reads_labels_and_pictures_out_of_the_shards(
    folders: dict[Edition, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not parse JSON inside an archive (1.1.1 reads such members as bytes), so records are not tried."""
    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path))
    folder = folders["pictures"]
    dataset = mlcroissant.Dataset(folder / "croissant.json")
    labels = {row["labels/key"].decode(): int(row["labels/cls"]) for row in dataset.records("labels")}
    assert labels == {key: int(data) for key, data in members(folder, "cls")}
    pictures = {row["pictures/key"].decode(): row["pictures/jpg"] for row in dataset.records("pictures")}
    assert pictures.keys() == labels.keys()
    for key, data in members(folder, "jpg"):
        assert pictures[key].tobytes() == Image.open(io.BytesIO(data)).tobytes()


# --- what it says ---

RESPONSIBLE_AI = (
    "data_collection",
    "data_collection_type",
    "data_collection_missing_data",
    "data_collection_raw_data",
    "data_preprocessing_protocol",
    "data_annotation_protocol",
    "data_annotation_platform",
    "data_annotation_analysis",
    "annotations_per_item",
    "annotator_demographics",
    "machine_annotation_tools",
    "data_biases",
    "data_limitations",
    "data_use_cases",
    "data_social_impact",
    "personal_sensitive_information",
    "data_release_maintenance_plan",
)


def test_what_to_know_before_using_it_is_said_in_fields_that_are_understood(folders: dict[Edition, Path]) -> None:
    metadata = mlcroissant.Dataset(folders["annotations"] / "croissant.json").metadata
    assert [name for name in RESPONSIBLE_AI if not getattr(metadata, name)] == []
    written = {key for key in read(folders["annotations"]) if key.startswith("rai:")}
    assert len(written) == len(RESPONSIBLE_AI)


def test_its_numbers_are_those_of_the_data(tmp_path: Path) -> None:
    world = make_varied_world(tmp_path)
    manifest = world.pack()
    statistics, content = open_dataset(world.out).statistics, read(world.out)
    assert content["rai:dataCollection"].startswith(
        f"Of {manifest.seen:,} entries of ImageNet-21k, {manifest.selected:,} were drawn by a rule with a fixed seed, "
        f"and {manifest.packed:,} of {statistics.classes:,} classes are here"
    )
    assert content["rai:dataCollectionMissingData"].startswith(f"{manifest.selected - manifest.packed} selected images")
    attempts = manifest.teachers[0].attempts_by_status
    assert attempts["ok"] > manifest.packed
    assert content["rai:dataAnnotationAnalysis"][0] == (
        f"glm: {attempts['ok']} of {sum(attempts.values())} attempts on the selected images gave valid texts; "
        f"{manifest.packed} are here."
    )
    median = statistics.teachers[0].thinking_tokens.p50
    assert f"glm: median thinking {median:,} tokens" in content["rai:dataAnnotationAnalysis"][2]
    people = statistics.domains["person"]
    assert content["rai:personalSensitiveInformation"][1] == (
        f"{people} photographs are of classes that are kinds of people."
    )


def test_where_no_class_is_a_kind_of_people_it_says_so(folders: dict[Edition, Path]) -> None:
    said = read(folders["pictures"])["rai:personalSensitiveInformation"]
    assert said[1] == "No photograph is of a class that is a kind of people."


def test_licences_of_texts_and_pictures_stand_apart(folders: dict[Edition, Path]) -> None:
    texts = ["Texts by lab/glm: MIT", "Texts by lab/kimi: MIT"]
    with_pictures, without = (read(folders[edition])["license"] for edition in EDITIONS)
    assert with_pictures[0].startswith("Pictures: ")
    assert "https://www.image-net.org/download.php" in with_pictures[0]
    assert with_pictures[1:3] == without[:2] == texts
    assert "Pictures" not in " ".join(without)


def test_the_citation_is_the_cards(folders: dict[Edition, Path]) -> None:
    assert read(folders["pictures"])["citeAs"] == read_citation()
    assert read_citation().strip() in (folders["pictures"] / "README.md").read_text()


def test_the_version_is_one_of_the_content(packed: World, tmp_path: Path) -> None:
    version = read(packed.out)["version"]
    assert version.startswith("1.0.0+")
    dataset = open_dataset(packed.out)
    renamed = dataset.manifest.model_copy(update={"files": {}, "sha256": "0" * 64})
    assert describe_for_croissant(renamed, dataset.statistics)["version"] == version
    other = make_world(tmp_path)
    other.results[0].completions[0] = make_completion(other.images[0].ref.image_id, GLM, "another|text")
    other.pack()
    assert read(other.out)["version"] != version
