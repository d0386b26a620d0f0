"""The list of kernels to compile early can be compiled."""

from pipeline.kernels import statistics
from pipeline.tools.warm import compile_kernels, compiled, listed


def test_most_listed_kernels_exist():
    import importlib

    calls = listed()
    found = [
        hasattr(importlib.import_module(f"pipeline.kernels.{module}"), name)
        for module, name, _ in calls
    ]
    assert len(calls) > 30
    assert sum(found) > 0.8 * len(calls)


def test_a_listed_kernel_is_compiled():
    calls = [call for call in listed() if call[0] == "statistics"]
    assert compile_kernels(calls) == len(calls) > 0
    assert statistics.add_to_statistics.dispatcher.signatures
    assert set(calls) <= set(compiled())
