"""The extension module: one file for every CPython from 3.11 on, with a kernel for each vector unit in it."""

from tempfile import TemporaryDirectory

from setuptools import Extension, setup  # type: ignore[import-untyped]  # setuptools ships no types

FLAGS = ["-O3", "-std=gnu11", "-Wall", "-Wextra"]

# What a build leaves beside its source gets into the next one, though another version's: it is built elsewhere.
with TemporaryDirectory() as folder:
    setup(
        ext_modules=[
            Extension(
                "argon2_interleaved._native",
                ["src/argon2_interleaved/native.c"],
                extra_compile_args=FLAGS,
                py_limited_api=True,
            )
        ],
        options={"build": {"build_base": folder}, "bdist_wheel": {"py_limited_api": "cp311"}},
    )
