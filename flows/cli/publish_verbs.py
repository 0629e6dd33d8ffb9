"""The verb that brings a packed dataset to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet
from flows.cli.running import interruptible, make_progress


@app.command()
def publish(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A packed dataset.")],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="Where it goes: OWNER/NAME on the hub.")],
    include_images: Annotated[
        bool, typer.Option("--include-images", help="Publish the photographs too, in a gated repository.")
    ] = False,
    accept_imagenet_terms: Annotated[
        bool, typer.Option("--accept-imagenet-terms", help="You know ImageNet's terms and publish under them.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository private before anything goes up.")
    ] = False,
    revision: Annotated[
        str, typer.Option("--revision", metavar="BRANCH", help="Branch to publish to; made where it is missing.")
    ] = "main",
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="NAME", help="A name for this version, beside release-ID.")
    ] = None,
    allow_engine: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-engine",
            metavar="ENGINE",
            help="`pixels`: publish texts of the embedded engine, which are refused otherwise.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check and stage everything, say what would go up, and send nothing; needs no token."
        ),
    ] = False,
    work_dir: Annotated[
        Path | None,
        typer.Option(
            "--work-dir",
            metavar="DIR",
            file_okay=False,
            help="Where the release is made ready; .publishing beside the dataset when left out.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Publish a packed dataset on the Hugging Face hub, without its pictures unless asked; the token is in HF_TOKEN."""
    from flows.publishing import print_draft, print_publication  # noqa: PLC0415 - verbs load what they need
    from pipeline.publishing.publish import PublishOptions, draft  # noqa: PLC0415
    from pipeline.publishing.publish import publish as bring  # noqa: PLC0415

    options = PublishOptions(
        repo_id=repo_id,
        include_images=include_images,
        accept_imagenet_terms=accept_imagenet_terms,
        private=private,
        branch=revision,
        tag=tag,
        allow_engines=frozenset(allow_engine or ()),
    )
    # beside the dataset, since shards with pictures are linked, which takes one file system
    root = dataset.resolve()
    work_dir = work_dir or root.parent / ".publishing" / root.name
    progress = make_progress(quiet=quiet)
    with interruptible(at_once=True):  # an upload that hangs would keep the process from ending
        if dry_run:
            print_draft(draft(root, options, work_dir, progress), options)
            return
        publication = bring(root, options, work_dir, progress)
    print_publication(publication)
