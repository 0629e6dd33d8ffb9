"""Many pairs scored by all lexical metrics in a process of its own: ``python -m benchmarks.one_scoring PAIRS``.

Prints the processor's seconds for scoring alone and the peak memory in bytes, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.peak import PeakMemory
from benchmarks.prose import write_words
from eval.metrics.lexical import Lexical
from eval.metrics.tfidf import fit_table

WORDS = 1500
"""Of each text: long thinking."""


def main(pairs: str) -> None:
    """Fit the vocabulary on the references, then score pair after pair; texts are made while the clock stands."""
    count, seconds = int(pairs), 0.0
    with PeakMemory() as memory:
        lexical = Lexical({"thinking": fit_table(write_text(2 * pair + 1) for pair in range(count)).idf, "answer": {}})
        for pair in range(count):
            texts = (write_text(2 * pair), write_text(2 * pair + 1))
            began = time.process_time()
            lexical.compare(*lexical.prepare("thinking", texts))
            seconds += time.process_time() - began
    print(json.dumps({"seconds": seconds, "bytes": memory.bytes}))


def write_text(number: int) -> str:
    """One of the texts that are scored: even numbers are predictions, each followed by its reference."""
    return write_words(number, WORDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
