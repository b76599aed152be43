"""Pack the built site for reading without a network: ``_build/unrolled-<version>.zip``.

The same site gives the same file, byte for byte: names in order, one time for all.
"""

import sys
import tomllib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"


def pack(site: Path, target: Path) -> int:
    """Write a folder into a zip file, under the file's own name; return the number of files."""
    files = sorted(path for path in site.rglob("*") if path.is_file())
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as packed:
        for path in files:
            name = f"{target.stem}/{path.relative_to(site).as_posix()}"
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    return len(files)


def main() -> None:
    """Pack the site and say where it is."""
    if not (SITE / "index.html").is_file():
        sys.exit(f"There is no site at {SITE}: build the book first (make book).")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    target = SITE.parent / f"{project['name']}-{project['version']}.zip"
    count = pack(SITE, target)
    print(f"{target.relative_to(ROOT)}: {count} files. Unzip it and open index.html.")


if __name__ == "__main__":
    main()
