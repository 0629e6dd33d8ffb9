"""The demo's build: a small configuration over photographs that are laid out on the spot."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.demo.damage import add_damaged_files
from flows.demo.photographs import lay_out_photographs
from pipeline.rundir import exclusive, open_run
from schemas.config import BuildConfig
from schemas.loading import parse_config

_CONFIG = """
name: imagenet-think-demo
seed: 0
source:
  path: photographs
  form: tree
  collection: the Python packages scikit-image, scikit-learn and matplotlib
  licence: >-
    Public domain and CC0, but for two under CC BY 2.0
    (https://creativecommons.org/licenses/by/2.0/): a pagoda in China by danielbuechele (class n04407435) and a dahlia
    by vultilion (class n11960245), both cropped in part. SOURCES.md beside the photographs names each.
selection:
  images: 1000
  # more than by default, and the plants as a subtree, so that so few photographs fill every level of the benchmark
  holdout: {subtrees: [n00017222], synset_share: 0.1, image_share: 0.3}
teachers:
  - {name: glm-4.1v-9b-thinking, engine: {kind: pixels}}
  - {name: kimi-vl-a3b-thinking-2506, engine: {kind: pixels}}
packing: {images_per_shard: 16}
"""


def prepare_demo(run_dir: Path) -> BuildConfig:
    """Lay the photographs out in ``run_dir/photographs``, unless they stand there, and configure a build of them.

    Raises:
        ConfigError: the packages that hold the photographs are not installed.
        RunDirectoryError: ``run_dir`` holds something else.
    """
    config = parse_config(_CONFIG, "demo")
    photographs = (run_dir / config.source.path).resolve()
    config = config.model_copy(update={"source": config.source.model_copy(update={"path": str(photographs)})})
    with exclusive(open_run(run_dir, config), config):
        if not photographs.exists():
            unfinished = photographs.with_name(".photographs")
            shutil.rmtree(unfinished, ignore_errors=True)
            lay_out_photographs(unfinished)
            add_damaged_files(unfinished)
            unfinished.rename(photographs)
    return config
