"""What `imagenet-think publish` prints."""

from __future__ import annotations

import typer

from pipeline.publishing.publish import Draft, Publication, PublishOptions


def print_draft(draft: Draft, options: PublishOptions) -> None:
    """Print what would go up, what would stay and what would go away, and the card."""
    for file in draft.plan.uploads:
        typer.echo(f"upload {file.size:>16,}  {file.name}")
    for file in draft.plan.kept:
        typer.echo(f"keep   {file.size:>16,}  {file.name}")
    for name in draft.plan.deletions:
        typer.echo(f"delete {'':>16}  {name}")
    typer.echo(f"\n{draft.card}")
    plan, manifest = draft.plan, draft.staged.manifest
    typer.echo(
        f"{options.repo_id} ({draft.repository}): {len(plan.uploads):,} files, {plan.bytes:,} bytes would go up; "
        f"{manifest.packed:,} rows, {manifest.edition}; nothing was sent"
    )


def print_publication(publication: Publication) -> None:
    """Print where the release is, what it holds, and how to load it."""
    release = publication.release
    state = "published" if publication.is_new else "was there already"
    typer.echo(
        f"{publication.repo_id} at {publication.tag}: {state}, and read back whole\n"
        f"{release.images:>16,}  rows: {release.added:,} added, {release.removed:,} removed, "
        f"{release.changed:,} changed\n"
        f"{publication.bytes:>16,}  bytes in {publication.files:,} files\n"
        "\nTo read it:\n\n"
        "    from datasets import load_dataset\n"
        f"    rows = load_dataset({publication.repo_id!r}, revision={publication.tag!r})\n"
        f"    rows = load_dataset({publication.repo_id!r}, revision={publication.tag!r}, streaming=True)"
    )
