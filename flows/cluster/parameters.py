"""A build's configuration as the parameter of a deployment: the same contract, read the same way as from its file."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from schemas.config import BuildConfig


def _from_json(value: Any) -> Any:
    """Read what came over the wire in JSON mode: a strict contract takes no list for a tuple otherwise."""
    return BuildConfig.model_validate_json(json.dumps(value)) if isinstance(value, dict) else value


ConfigParameter = Annotated[BuildConfig, BeforeValidator(_from_json)]
"""A build's configuration, or its JSON."""
