"""The words sent to teachers: one YAML file each, named by its id."""

from __future__ import annotations

import difflib
import hashlib
import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from schemas.base import Contract
from schemas.errors import ConfigError

PLACEHOLDERS = ("lemmas", "definition")
"""What a template may ask for, in single braces. Either shows the teacher the label."""

_SUFFIX = ".yaml"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


class Prompt(Contract):
    """A prompt template. Braces that hold anything but a bare name stand for themselves."""

    id: str
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
    """Of the prompt, and so of the answer that is asked for; ISO 639-1."""
    text: str = Field(min_length=1)
    """The template."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the template's UTF-8 bytes."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label_shown(self) -> bool:
        """Whether the prompt tells the teacher what the picture is filed under."""
        return _PLACEHOLDER.search(self.text) is not None

    def render(self, lemmas: tuple[str, ...], definition: str) -> str:
        """The words for one image.

        Args:
            lemmas: names of the image's synset, put in separated by commas.
            definition: the synset's definition.
        """
        values = {"lemmas": ", ".join(lemmas), "definition": definition}
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.text)

    @model_validator(mode="after")
    def validate_placeholders(self) -> Self:
        """The template asks for nothing that ``render`` cannot give."""
        for name in _PLACEHOLDER.findall(self.text):
            if name not in PLACEHOLDERS:
                known = " and ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise ValueError(f"text asks for {{{name}}}; allowed are {known}")
        return self


def list_prompts() -> tuple[str, ...]:
    """The ids of all prompts, sorted."""
    return tuple(sorted(_files()))


def load_prompt(prompt_id: str) -> Prompt:
    """Read one prompt.

    Raises:
        ConfigError: there is no such prompt, or its file is damaged.
    """
    files = _files()
    if prompt_id not in files:
        guess = difflib.get_close_matches(prompt_id, files, n=1)
        question = f"did you mean {guess[0]}? " if guess else ""
        known = ", ".join(sorted(files))
        raise ConfigError(f"prompt: there is no prompt {prompt_id!r}", f"{question}known are {known}")
    return read_prompt(prompt_id, files[prompt_id].read_bytes())


def read_prompt(prompt_id: str, data: bytes) -> Prompt:
    """Read a prompt from the bytes of its YAML file: ``language`` and ``text``.

    Raises:
        ConfigError: it is no YAML, lacks a key or has another, or asks for an unknown placeholder.
    """
    remedy = f"mend it, or take one of {', '.join(list_prompts())}"
    try:
        fields = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"prompt {prompt_id} is no YAML: {' '.join(str(error).split())}", remedy) from error
    if not isinstance(fields, dict) or "id" in fields:
        raise ConfigError(f"prompt {prompt_id}: must be a mapping of language and text", remedy)
    try:
        return Prompt.model_validate({"id": prompt_id, **fields})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'text'}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"prompt {prompt_id}: {'; '.join(faults)}", remedy) from error


def _files() -> dict[str, Traversable]:
    # Ids are looked up among the files that are there, never made into a path.
    files = resources.files(__package__).iterdir()
    return {file.name.removesuffix(_SUFFIX): file for file in files if file.name.endswith(_SUFFIX)}
