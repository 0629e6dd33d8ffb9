"""Is a text a loop, and is it in the language asked for? Cheap enough to ask of every attempt.

The limits on loops lie between what was measured on prose and on loops made for the purpose: prose compresses 1.5 to
3.3 times and repeats at most 7 % of its 8-grams; the second halves of loops compress 8 to 30 times, and repeat over
80 % of their 8-grams where they are verbatim. The tests hold both apart.
"""

from __future__ import annotations

import re
import zlib

from schemas.completion import PairScores

MAX_COMPRESSION = 5.0
"""Of the second half of a text, see above."""

MAX_REPEATED_8GRAMS = 0.5
"""Of the second half of a text, see above."""

MAX_HAN_SHARE = 0.02
"""Han letters that an English text may hold, e.g. the words on a sign in the picture.

GLM-V's own reward model (``glmv_reward``, ``LanguageMixVerifier``) calls a text mixed at 50 Han characters among 200
English words: some 5 % of the letters. A share finds short texts that are mixed, ``MAX_HAN`` long ones.
"""

MAX_HAN = 50
"""Han letters from which an English text is mixed, however long it is: GLM-V's own bound."""

NGRAM_WORDS = 8
# An 8 KiB window sees repeats about 1,500 words apart; longer ones are left to the 8-grams. The default's 32 KiB and
# its tables take three times as long on a text of 4 kB, nearly all of it to set them up.
_WINDOW_BITS = 13
_MEMORY_LEVEL = 6

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def score(text: str) -> PairScores:
    """Measure a whole raw text. Linear in its length; lone surrogates count as any other character."""
    return PairScores(
        compression=round(compression(text), 4),
        repeated_8grams=round(repeated_8grams(text), 4),
        han_share=round(han_share(text), 4),
    )


def is_loop(text: str) -> bool:
    """Whether the second half of a text repeats itself, exactly or nearly so.

    A loop, once begun, seldom ends: it fills the end of a text and dilutes itself in the whole. Verbatim loops are the
    engine's to stop while they are written; this catches those that change a word each time.
    """
    tail = text[len(text) // 2 :]
    return compression(tail) > MAX_COMPRESSION or repeated_8grams(tail) > MAX_REPEATED_8GRAMS


def is_wrong_language(text: str, language: str) -> bool:
    """Whether a text holds more Han letters than its language (ISO 639-1) explains. Only ``en`` is checked."""
    return language == "en" and (len(_HAN.findall(text)) >= MAX_HAN or han_share(text) > MAX_HAN_SHARE)


def compression(text: str) -> float:
    """UTF-8 bytes over bytes of their zlib stream at level 6 with a window of 8 KiB; 0 for an empty text."""
    data = text.encode("utf-8", "surrogatepass")
    packer = zlib.compressobj(level=6, wbits=_WINDOW_BITS, memLevel=_MEMORY_LEVEL)
    return len(data) / (len(packer.compress(data)) + len(packer.flush()))


def repeated_8grams(text: str) -> float:
    """Share of word 8-grams that stood earlier in the text; 0 for one of fewer than eight words."""
    words = text.split()
    ngrams = len(words) - NGRAM_WORDS + 1
    if ngrams < 1:
        return 0.0
    distinct = len(set(zip(*(words[start:] for start in range(NGRAM_WORDS)), strict=False)))
    return 1 - distinct / ngrams


def han_share(text: str) -> float:
    """Share of Han characters among the letters; 0 for a text without them."""
    if text.isascii():
        return 0.0
    han = len(_HAN.findall(text))
    # Code points that this Python's Unicode tables do not know yet are Han by their block but no letters.
    return han / max(han, sum(map(str.isalpha, text))) if han else 0.0
