"""vLLM's failures in one line: the cause out of its processes' output, and what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.vllm.failures import explain_death, explain_refusal, explain_start, find_cause
from schemas.errors import ConfigError, EngineDiedError, EngineError

# As vLLM 0.32 writes it: the log of one process with a traceback, then the same again from multiprocessing.
OUTPUT = """\
(Worker pid=71) WARNING 11-20 22:04:25 [cpu.py:224] Something harmless: RuntimeError is not meant.
(EngineCore pid=70) ERROR 11-20 22:04:26 [core.py:1512] EngineCore failed to start.
(EngineCore pid=70) ERROR 11-20 22:04:26 [core.py:1512] Traceback (most recent call last):
(EngineCore pid=70) ERROR 11-20 22:04:26 [core.py:1512]   File "core.py", line 1, in run_engine_core
(EngineCore pid=70) ERROR 11-20 22:04:26 [core.py:1512] ValueError: To serve at least one request with the models's \
max seq len (4096), 0.25 GiB KV cache is needed, which is larger than the available KV cache memory (0.0 GiB).
(EngineCore pid=70) Process EngineCore:
(EngineCore pid=70) Traceback (most recent call last):
(EngineCore pid=70)   File "core.py", line 1, in run_engine_core
(EngineCore pid=70) ValueError: To serve at least one request with the models's max seq len (4096), 0.25 GiB KV cache \
is needed, which is larger than the available KV cache memory (0.0 GiB).
(EngineCore pid=70) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
""".splitlines()

POINTER = RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")

OUT_OF_MEMORY = "(Worker_TP1 pid=9) ERROR 11-20 22:04:26 [x.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to"


def test_the_cause_is_the_last_exception_that_says_more_than_to_look_above() -> None:
    assert find_cause(OUTPUT).startswith("ValueError: To serve at least one request")
    assert find_cause([]) == ""
    assert find_cause(["Loading weights: 100%", "all is well"]) == ""


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        (OUTPUT[4], "lower engine.max_model_len, or raise"),
        (OUT_OF_MEMORY, "free the GPU"),
        ("ValueError: Free memory on device cuda:0 (3.1/139.8 GiB) on startup is less than desired", "free the GPU"),
        ("ValueError: No available memory for the cache blocks.", "lower engine.max_model_len, or raise"),
        ("safetensors_rust.SafetensorError: Error while deserializing header", "download it again"),
        ("ImportError: cannot import name 'x' from 'transformers'", "install what the teacher requires"),
        ("ModuleNotFoundError: No module named 'tiktoken'", "install what the teacher requires"),
        ("torch.distributed.DistBackendError: NCCL error in: x.cpp:1", "check engine.tensor_parallel_size"),
    ],
)
def test_a_start_that_fails_in_another_process_names_its_cause_and_a_remedy(line: str, remedy: str) -> None:
    error = explain_start("a-teacher", POINTER, [line])
    assert isinstance(error, EngineError)
    assert line.rpartition("] ")[2] in error.problem
    assert remedy in error.remedy


def test_a_cause_that_nobody_foresaw_is_told_without_a_remedy() -> None:
    error = explain_start("a-teacher", POINTER, ["OddError: the moon is full"])
    assert str(error) == "a-teacher: vLLM does not start: OddError: the moon is full"


def test_an_error_of_this_process_needs_no_output() -> None:
    error = explain_start("a-teacher", ValueError("User-specified max_model_len\n(9) is odd"), OUTPUT)
    assert "ValueError: User-specified max_model_len (9) is odd" in str(error)


def test_an_unknown_argument_is_a_fault_of_the_configuration() -> None:
    error = explain_start("a-teacher", TypeError("__init__() got an unexpected keyword argument 'no_such'"), [])
    assert isinstance(error, ConfigError)
    assert "'no_such'" in str(error)


def test_a_death_names_what_was_written_then_the_signal_then_what_the_request_met() -> None:
    assert "CUDA out of memory" in str(explain_death("a-teacher", [OUT_OF_MEMORY], ["SIGKILL"]))
    assert "dmesg" in explain_death("a-teacher", [], ["SIGKILL"]).remedy
    assert "ended by SIGSEGV" in str(explain_death("a-teacher", [], ["SIGSEGV"]))
    assert "KeyError: 'a'" in str(explain_death("a-teacher", [], [], KeyError("a")))
    assert "left no word" in str(explain_death("a-teacher", [], []))


def test_a_request_too_long_names_max_model_len_and_any_other_its_root() -> None:
    long = ValueError("The decoder prompt (length 3000) is longer than the maximum model length of 1024. Make sure ...")
    assert str(explain_refusal("a-teacher", long, 1024)).startswith(
        "a-teacher: picture and prompt take 3000 tokens, and max_model_len is 1024; raise engine.max_model_len"
    )
    wrapper = ValueError("Failed to apply Processor on data={...}")
    wrapper.__cause__ = ValueError("absolute aspect ratio must be smaller than 200")
    assert str(explain_refusal("a-teacher", wrapper, 9)).endswith(
        "ValueError: absolute aspect ratio must be smaller than 200"
    )


@given(st.lists(st.text(max_size=600), max_size=8), st.text(max_size=3000))
def test_whatever_was_written_the_message_is_one_line_of_bounded_length(output: list[str], text: str) -> None:
    for error in (
        explain_start("a-teacher", POINTER, output),
        explain_start("a-teacher", ValueError(text), output),
        explain_death("a-teacher", output, [], ValueError(text)),
        explain_refusal("a-teacher", ValueError(text), 1024),
    ):
        assert isinstance(error, EngineError | EngineDiedError | ConfigError)
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 800
