"""Whose text is this? Greedy texts of different pictures, told apart by the words that are not everybody's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pipeline.texts import jaccard, words_of


def find_nearest(text: str, texts: Mapping[str, str]) -> str | None:
    """The key of the text that is most like ``text``, or ``None`` when several different ones are, or all are unlike.

    Two texts are as like as the share of their words that they have in common (Jaccard's index of the sets of words,
    in any order and case). Words that more than half of ``texts`` hold are left out: teachers open with the same
    phrases whatever the picture.

    Why not equality: kernels of 16 bits round otherwise in batches of another size, and one changed token leads a
    greedy text on to other words, though about the same things. vLLM promises texts that do not depend on the batch in
    a special mode alone (https://docs.vllm.ai/en/stable/features/batch_invariance/).
    """
    words = {key: words_of(each) for key, each in texts.items()}
    counts = Counter(word for each in words.values() for word in each)
    everybodys = {word for word, count in counts.items() if 2 * count > len(texts)}
    own = words_of(text) - everybodys
    likeness = {key: jaccard(own, each - everybodys) for key, each in words.items()}
    most = max(likeness.values(), default=0.0)
    nearest = [key for key, value in likeness.items() if value == most]
    is_clear = most > 0 and len({texts[key] for key in nearest}) == 1
    return nearest[0] if is_clear else None
