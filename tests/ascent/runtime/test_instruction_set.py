"""The class of a processor by its features, on each operating system as far as it can be tested here."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from reverie_ascent.plan import shipped, shipped_names
from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.instruction_set import CLASSES, CPUID_BITS, CUDA_PLAN, OTHER_PLAN, classify

X86 = {"sse2", "avx"}

# The features of a processor, its architecture, and its class.
PROCESSORS = [
    ({*X86, "avx2", "fma"}, "x86_64", "avx2"),
    ({*X86, "avx2", "fma", "avx512f"}, "x86_64", "avx512"),
    ({*X86, "avx2", "fma", "avx512f", "amx_tile"}, "x86_64", "amx"),
    ({*X86, "avx2"}, "x86_64", "x86_64"),  # ONNX Runtime's AVX2 kernels need FMA
    ({*X86}, "amd64", "amd64"),
    ({"fp", "asimd"}, "aarch64", "neon"),
    ({"fp", "asimd", "sve"}, "aarch64", "sve"),
    ({"fp", "asimd", "sve", "sme"}, "aarch64", "sme"),
    (set(), "riscv64", "riscv64"),
]


@pytest.mark.parametrize(("found", "machine", "name"), PROCESSORS)
def test_a_processor_has_the_highest_class_whose_features_it_has(found: set[str], machine: str, name: str) -> None:
    assert classify(frozenset(found), machine).name == name


def test_every_class_has_a_plan_and_every_plan_a_class() -> None:
    assert {each.plan for each in CLASSES} | {OTHER_PLAN, CUDA_PLAN} == set(shipped_names())
    for name in shipped_names():
        assert (shipped(name).rates is None) == (name == CUDA_PLAN)


def test_every_x86_feature_of_the_table_is_read_from_cpuid() -> None:
    x86 = {need for each in CLASSES for need in each.needs} - {"asimd", "sve", "sme"}
    assert x86 == CPUID_BITS.keys()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_emulated_processor_is_not_mistaken_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under an emulator /proc/cpuinfo describes the host, and CPUID the emulated processor."""
    monkeypatch.setattr(
        instruction_set, "Path", lambda path: SimpleNamespace(read_text=lambda **_: "flags : avx2 fma avx512f amx_tile")
    )
    for seen, name in (
        (None, "amx"),  # a libc without the function
        ({"avx2", "fma", "avx512f", "amx_tile"}, "amx"),
        ({"avx2", "fma"}, "avx2"),
        (set(), "x86_64"),
    ):
        monkeypatch.setattr(instruction_set, "_cpuid", lambda seen=seen: seen)
        assert classify(instruction_set.features(), "x86_64").name == name


def test_an_unknown_system_has_no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    assert instruction_set.features() == frozenset()


class Driver:
    """A fake of NVIDIA's driver; ``fails`` is the call that returns an error."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            if name == "cuDeviceGetAttribute":
                arguments[0]._obj.value = {75: 9, 76: 0}[arguments[1]]
            return int(name == self.fails)

        return call


@pytest.mark.parametrize(
    ("fails", "name"), [("", "sm90"), ("cuInit", "sm"), ("cuDeviceGet", "sm"), ("cuDeviceGetAttribute", "sm")]
)
def test_the_class_of_a_gpu_is_its_compute_capability(monkeypatch: pytest.MonkeyPatch, fails: str, name: str) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda library: Driver(fails))
    instruction_set.cuda.cache_clear()
    assert instruction_set.cuda().name == name
    instruction_set.cuda.cache_clear()
