"""The metrics that compare texts by a model's vectors: BERTScore and the Sentence-BERT cosine.

Their models need PyTorch, which is imported only once one is opened.
"""

from __future__ import annotations

from eval.metrics.embeddings.bertscore import BertScore, open_bertscore
from eval.metrics.embeddings.choice import ModelChoice, parse_model
from eval.metrics.embeddings.sbert import SentenceBert, open_sbert

__all__ = ["BertScore", "ModelChoice", "SentenceBert", "open_bertscore", "open_sbert", "parse_model"]
