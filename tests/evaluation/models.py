"""Encoders built on the spot: real architectures and tokenizers, narrow layers, random weights."""

from __future__ import annotations

from pathlib import Path

WORDS = "a the this is it no not of on in small large dog cat bird ear fur tail nose grass tree water red brown white"
PIECES = ("##s", "##er", "##ing", "##ed", "犬", "猫", "の", "一")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

WINDOW = 32
"""Tokens that the models take at once, two of them special."""

SPREAD = 0.2
"""Deviation of the random weights: so wide that a token's vector depends on its context."""


def make_bert(folder: Path) -> Path:
    """A BERT of three layers that knows some words and single letters, and the tokenizer beside it."""
    import torch  # noqa: PLC0415 - not in the core installation
    import transformers  # noqa: PLC0415 - not in the core installation
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415 - not in the core installation

    letters = [mark + letter for mark in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz"]
    names = dict.fromkeys((*SPECIAL, *WORDS.split(), *letters, *PIECES, ".", ","))
    vocabulary = {name: number for number, name in enumerate(names)}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        model_max_length=WINDOW,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=WINDOW,
        initializer_range=SPREAD,
    )
    network = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        # As in trained encoders, all words lie on one side. The tokens at a text's ends lie on the other, as no word's
        # best match: whether they may be one is where bert-score and torchmetrics part.
        side = torch.tensor([2.0, -2.0]).repeat(config.hidden_size // 2)
        table = network.bert.embeddings.word_embeddings.weight
        table += side
        table[[vocabulary["[CLS]"], vocabulary["[SEP]"]]] -= 2 * side
    network.save_pretrained(folder)
    return folder


def make_roberta(folder: Path) -> Path:
    """A RoBERTa of two layers over bytes; its positions start behind that of the padding token."""
    import torch  # noqa: PLC0415 - not in the core installation
    import transformers  # noqa: PLC0415 - not in the core installation
    from tokenizers import ByteLevelBPETokenizer  # noqa: PLC0415 - not in the core installation

    folder.mkdir(parents=True)
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator([WORDS] * 4, vocab_size=320, special_tokens=list(special), show_progress=False)
    pieces.save_model(str(folder))
    tokenizer = transformers.RobertaTokenizer.from_pretrained(folder, model_max_length=WINDOW)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=WINDOW + 2,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=SPREAD,
    )
    transformers.RobertaForMaskedLM(config).save_pretrained(folder)
    return folder


def make_sentence_transformer(bert: Path, folder: Path) -> Path:
    """A sentence model whose embedding is the mean of a BERT's tokens, of unit length."""
    import sentence_transformers  # noqa: PLC0415 - not in the core installation
    from sentence_transformers.sentence_transformer import modules  # noqa: PLC0415 - not in the core installation

    transformer = modules.Transformer(str(bert))
    pooling = modules.Pooling(transformer.get_embedding_dimension(), "mean")
    model = sentence_transformers.SentenceTransformer(modules=[transformer, pooling, modules.Normalize()], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
