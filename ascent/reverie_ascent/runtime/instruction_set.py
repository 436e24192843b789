"""Detects the class of instruction set of the processor or GPU, on which the last bits of a picture depend.

ONNX Runtime chooses its float32 kernels by the features of the processor, and the kernels of AVX2, AVX-512 and NEON
round differently. All processors of one class of the table use the same kernels. A processor with AMX uses those of
AVX-512 in float32, but is a separate class because its costs, and therefore its plan, differ.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class InstructionSet:
    """A class: its name, the processor features that it needs (Linux's names), and the name of its lowering plan."""

    name: str
    needs: frozenset[str]
    plan: str


AVX512 = frozenset({"avx2", "fma", "avx512f"})

CLASSES = (
    InstructionSet("amx", AVX512 | {"amx_tile"}, "amx"),
    InstructionSet("avx512", AVX512, "avx512"),
    InstructionSet("avx2", frozenset({"avx2", "fma"}), "avx2"),
    InstructionSet("sme", frozenset({"asimd", "sme"}), "neon"),
    InstructionSet("sve", frozenset({"asimd", "sve"}), "neon"),
    InstructionSet("neon", frozenset({"asimd"}), "neon"),
)
"""From the most to the least capable. The class of a processor is the first whose features it has."""

OTHER_PLAN = "generic"
"""The plan of a processor of none of these classes; the name of its class is Python's name of its architecture."""

CUDA_PLAN = "cuda"


@lru_cache(maxsize=1)
def cpu() -> InstructionSet:
    """Return the class of this machine's processor, by the features that this process can use."""
    return classify(features(), platform.machine().lower() or "unknown")


def classify(available: frozenset[str], machine: str) -> InstructionSet:
    """Return the class of a processor with the features ``available``, of the architecture ``machine``."""
    return next((each for each in CLASSES if each.needs <= available), InstructionSet(machine, frozenset(), OTHER_PLAN))


@lru_cache(maxsize=1)
def cuda() -> InstructionSet:
    """Return the class of the first NVIDIA GPU: its compute capability, such as "sm90", or "sm" if that is unknown."""
    capability = _compute_capability()
    name = "sm" if capability is None else f"sm{capability[0]}{capability[1]}"
    return InstructionSet(name, frozenset(), CUDA_PLAN)


def features() -> frozenset[str]:
    """Return the features of the table that the processor has and the operating system allows programs to use."""
    return FEATURES.get(sys.platform, lambda: frozenset())()


# ----- Linux -----

CPUID_BITS: Mapping[str, tuple[int, int, int]] = {
    "fma": (0, 2, 12),
    "avx2": (1, 1, 5),
    "avx512f": (1, 1, 16),
    "amx_tile": (1, 3, 24),
}
"""For each feature of x86: glibc's index of the CPUID leaf (leaf 1 is 0, leaf 7 is 1), the register, the bit."""


def _linux() -> frozenset[str]:
    """Return the features in /proc/cpuinfo that CPUID confirms: under emulation cpuinfo shows the real processor's."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = {word for line in lines if line.lower().startswith(("flags", "features")) for word in line.split()}
    confirmed = _cpuid()
    return frozenset(named if confirmed is None else named - (CPUID_BITS.keys() - confirmed))


def _cpuid() -> frozenset[str] | None:
    """Return the features that CPUID shows to this process, read through glibc 2.33; None if that is not possible."""
    try:
        leaf = getattr(ctypes.CDLL(None), "__x86_get_cpuid_feature_leaf")
    except (AttributeError, OSError):
        return None
    leaf.argtypes, leaf.restype = [ctypes.c_uint], ctypes.POINTER(ctypes.c_uint32)
    return frozenset(name for name, (index, register, bit) in CPUID_BITS.items() if leaf(index)[register] >> bit & 1)


# ----- macOS and Windows -----

SYSCTL_NAMES: Mapping[str, bytes] = {
    "avx2": b"hw.optional.avx2_0",
    "fma": b"hw.optional.fma",
    "avx512f": b"hw.optional.avx512f",
    "asimd": b"hw.optional.arm64",
    "sme": b"hw.optional.arm.FEAT_SME",
}

WINDOWS_FEATURES: Mapping[str, int] = {"avx2": 40, "fma": 40, "avx512f": 41, "asimd": 19, "sve": 46}
"""Numbers of IsProcessorFeaturePresent. FMA has no number; every processor with AVX2 has FMA."""


def _macos() -> frozenset[str]:
    sysctl = ctypes.CDLL(None).sysctlbyname
    available = set()
    for name, key in SYSCTL_NAMES.items():
        value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        if sysctl(key, ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)) == 0 and value.value:
            available.add(name)
    return frozenset(available)


def _windows() -> frozenset[str]:
    is_present = ctypes.CDLL("kernel32").IsProcessorFeaturePresent
    return frozenset(name for name, number in WINDOWS_FEATURES.items() if is_present(number))


FEATURES: Mapping[str, Callable[[], frozenset[str]]] = {"linux": _linux, "darwin": _macos, "win32": _windows}


# ----- CUDA -----

MAJOR, MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""


def _compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first device of NVIDIA's driver, or None if there is none."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    device, numbers = ctypes.c_int(), []
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    for attribute in (MAJOR, MINOR):
        number = ctypes.c_int()
        if driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device):
            return None
        numbers.append(number.value)
    return numbers[0], numbers[1]
