"""Small models with random weights, and who skips where the packages are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.models import make_bert, make_roberta, make_sentence_transformer
from tests.extras import skip_without

PACKAGES = ("torch", "sentence_transformers", "bert_score", "torchmetrics", "inspect_ai", "lmms_eval")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_without(PACKAGES, "evaluation", items)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BERT of three layers and a window of 32 tokens, two of them special."""
    return str(make_bert(tmp_path_factory.mktemp("models") / "bert"))


@pytest.fixture(scope="session")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A RoBERTa of two layers and a window of 32 tokens, though it has 34 positions."""
    return str(make_roberta(tmp_path_factory.mktemp("models") / "roberta"))


@pytest.fixture(scope="session")
def sentence_model(bert: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of sentence-transformers over the same BERT: mean of its tokens, of unit length."""
    return str(make_sentence_transformer(Path(bert), tmp_path_factory.mktemp("models") / "sentences"))
