"""The contracts between all parts: pure data, imported by everything, importing nothing of ours."""
