"""The packages, which lie at the top of the tree, and the one compiled part, which is optional: without a
compiler masks are scored by numpy (scorers/masks/boundary_numpy.py)."""

from setuptools import Extension, find_packages, setup

ROOMS = ("client", "commands", "evaluation", "reports", "scorers", "servers", "tasks")

setup(
    packages=[
        "sightbench",
        *(f"sightbench.{name}" for name in find_packages(include=[f"{room}*" for room in ROOMS])),
    ],
    package_dir={"sightbench": "sightbench", **{f"sightbench.{room}": room for room in ROOMS}},
    ext_modules=[
        Extension(
            "sightbench.scorers.masks._boundary",
            ["scorers/masks/boundary.c"],
            depends=[
                "scorers/masks/boundary_core.h",
                "scorers/masks/boundary_runs.h",
                "scorers/masks/boundary_bits.h",
                "scorers/masks/overlap.h",
            ],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            # Python's own flags hold -fwrapv; the core never overflows (tests/fuzz runs it under UBSan).
            extra_compile_args=["-O3", "-std=gnu11", "-fno-wrapv"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
