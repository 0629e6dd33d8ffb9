"""Verbs around the engines: prove a machine, serve a teacher, find the best setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import ConfigFile, Quiet
from flows.cli.running import interruptible, make_progress
from schemas.loading import load_config

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def doctor(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="What this build needs; both teachers on vLLM when left out."),
    ] = None,
    run_dir: Annotated[Path | None, typer.Option("--run-dir", help="Where the build is to run.")] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Also run small checkpoints of both architectures through vLLM itself.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether this machine is ready: GPUs, versions, weights, disks; exit 1 when something stops a build."""
    from flows.doctor import diagnose  # noqa: PLC0415 - verbs load what they need

    settings = None if config is None else load_config(config)
    with interruptible():
        is_ready = diagnose(settings, run_dir, engine=engine, as_json=as_json)
    if not is_ready:
        raise typer.Exit(1)


@app.command()
def tune(
    config: ConfigFile,
    run_dir: Annotated[Path, typer.Option("--run-dir", help="Directory of the build, images selected; only read.")],
    teacher: Annotated[str | None, typer.Option(help="Only this teacher; all of them when left out.")] = None,
    engine: Annotated[str | None, typer.Option(help="Kind of engine; the configured one when left out.")] = None,
    images: Annotated[
        int | None, typer.Option(help="Size of the sample; twice the largest concurrency, at least 64, when left out.")
    ] = None,
    concurrency: Annotated[str, typer.Option(help="Requests in flight to try.")] = "32,64,128,256",
    max_num_batched_tokens: Annotated[
        str | None, typer.Option(help="Batch limits to try; each starts the engine once.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the fastest setting on the first images of the selection, and say how long the whole run would take."""
    from flows.tune import TuneOptions  # noqa: PLC0415 - verbs load what they need
    from flows.tune import tune as measure  # noqa: PLC0415

    options = TuneOptions(teacher, engine, images, concurrency, max_num_batched_tokens, as_json)
    settings = load_config(config)
    with interruptible():
        measure(settings, run_dir, options, make_progress(quiet=quiet or as_json))


@app.command()
def serve(
    teacher: Annotated[str, typer.Argument(metavar="TEACHER", help="Name of a teacher.")],
    further: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLAG ...]", help="Further flags of vllm serve.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Repository or folder; the teacher's when left out.")] = None,
    revision: Annotated[str | None, typer.Option(help="The hub's commit hash.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Of the weights.")] = None,
    quantization: Annotated[str | None, typer.Option(help="Of the weights, e.g. fp8.")] = None,
    max_model_len: Annotated[int | None, typer.Option(help="Picture, prompt and text together, in tokens.")] = None,
    tensor_parallel_size: Annotated[int | None, typer.Option(help="GPUs that share one model.")] = None,
    data_parallel_size: Annotated[int | None, typer.Option(help="Replicas of the model.")] = None,
    gpu_memory_utilization: Annotated[float | None, typer.Option(help="Share of each GPU's memory.")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(help="Texts written at once.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    media: Annotated[Path | None, typer.Option(help="Folder whose pictures the server may read itself.")] = None,
    start_seconds: Annotated[float, typer.Option(min=1, help="Time that the server has to become healthy.")] = 1800.0,
    show: Annotated[bool, typer.Option("--print", help="Print the vllm serve command, and start nothing.")] = False,
) -> None:
    """Serve a teacher with vLLM, with exactly the flags that it needs, until interrupted."""
    from flows import serve as serving  # noqa: PLC0415 - verbs load what they need
    from pipeline.serving import ServeOptions  # noqa: PLC0415

    settings = serving.engine_settings(
        model=model,
        revision=revision,
        dtype=dtype,
        quantization=quantization,
        max_model_len=max_model_len,
        tensor_parallel_size=tensor_parallel_size,
        data_parallel_size=data_parallel_size,
        gpu_memory_utilization=gpu_memory_utilization,
        max_num_seqs=max_num_seqs,
    )
    options = ServeOptions(host, port, media, tuple(further or ()))
    if show:
        serving.print_command(teacher, settings, options)
    else:
        raise typer.Exit(serving.serve(teacher, settings, options, start_seconds))
