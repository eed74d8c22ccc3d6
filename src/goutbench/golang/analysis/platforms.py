"""The operating systems and machines that Go knows, and files whose names end in one."""

import platform

SYSTEMS = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "nacl", "netbsd",
    "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
})  # fmt: skip
MACHINES = frozenset({
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
})  # fmt: skip
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "loongarch64": "loong64"}
"""The names that Go has for machines, by those of the kernel, where they differ."""


def platform_suffixes(name: str) -> list[str]:
    """The operating system and architecture at the end of a file's name: of `_linux` or `_linux_amd64`."""
    parts = name.removesuffix(".go").removesuffix("_test").split("_")[1:]
    if len(parts) > 1 and parts[-2] in SYSTEMS and parts[-1] in MACHINES:
        return parts[-2:]
    return parts[-1:] if parts and parts[-1] in SYSTEMS | MACHINES else []


def name_without_foreign_platform(name: str) -> str:
    """A test file's name without what keeps it out of builds on this machine."""
    here, name = {"linux", _MACHINES.get(platform.machine(), platform.machine())}, name.lstrip("_.")
    if set(platform_suffixes(name)) <= here:
        return name
    return (
        name.removesuffix("".join(f"_{part}" for part in [*platform_suffixes(name), "test.go"])) + "_test.go"
    )
