from importlib import metadata
from pathlib import Path

import argon2_interleaved


def test_one_file_is_the_extension_and_stands_in_the_record() -> None:
    package = metadata.distribution("argon2-interleaved")
    assert package.version == argon2_interleaved.__version__
    natives = [file for file in package.files or () if file.suffix == ".so"]
    assert [file.name for file in natives] == ["_native.abi3.so"]
    assert natives[0].hash is not None
    here = Path(argon2_interleaved.__file__).parent
    recorded = {file.name for file in package.files or () if file.parent.name == "argon2_interleaved"}
    assert {path.name for path in here.iterdir() if path.name != "__pycache__"} == recorded
