"""The one compiled part, optional: without a compiler masks are scored by numpy (scorers/rim_numpy.py)."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "scorers._rim",
            ["scorers/rim.c"],
            depends=["scorers/rim_core.h", "scorers/rim_runs.h", "scorers/rim_bits.h"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3", "-std=gnu11"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
