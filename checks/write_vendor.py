"""Write the third-party files of the web page anew, from the packages of npm that they come from.

`make vendor` runs it. service/page/vendor/packages.json names the packages with their versions and
files. npm fetches each package, from the registry that the machine is set up for. This program
copies the named files, writes a gzipped copy beside each, and writes their SHA-256 into the table.
To take a new version, edit the table and run it.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "service" / "page" / "vendor"
TABLE = "packages.json"


def main() -> None:
    """Write all packages into the folder of the service, or into another one that exists."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else VENDOR
    packages = json.loads((VENDOR / TABLE).read_text(encoding="utf-8"))
    for package in packages:
        folder = target / package["folder"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        package["files"] = _write(package, folder)
    text = json.dumps(packages, indent=2)
    (target / TABLE).write_text(f"{text}\n", encoding="utf-8")


def _write(package: dict[str, Any], folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a package, once the files are written."""
    digests: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place:
        name = f"{package['package']}@{package['version']}"
        command = ["npm", "pack", "--silent", "--ignore-scripts", name]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(place).glob("*.tgz")
        with tarfile.open(archive) as members:
            for path in package["files"]:
                file = members.extractfile(f"package/{path}")
                assert file is not None, f"{path} is no file"
                content = file.read()
                written = folder / Path(path).name
                written.write_bytes(content)
                # Without a time, so that the same content gives the same file.
                compressed = gzip.compress(content, mtime=0)
                written.with_name(f"{written.name}.gz").write_bytes(compressed)
                digests[path] = sha256(content).hexdigest()
    return digests


if __name__ == "__main__":
    main()
