"""A container image from the Python that runs the tests: no registry is asked."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

IMAGE = "localhost/unrolled-course-test"
# crun runs nothing where both generations of cgroups are mounted, which runc does.
HYBRID = Path("/sys/fs/cgroup/unified")


def podman(*words):
    if shutil.which("podman") is None:
        pytest.fail("no podman found; on Debian: apt-get install podman runc", pytrace=False)
    done = subprocess.run(["podman", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def libraries_of(*files):
    """The shared libraries that programs need, and the loader."""
    told = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=True)
    return {Path(found) for found in re.findall(r"(/\S+) \(0x", told.stdout)}


def make_image(folder, name=IMAGE, mode=0o1777):
    """Put Python with NumPy, and nothing else, into an image; mode: of its /tmp, which is not empty."""
    program = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib"))
    modules = [*standard.glob("lib-dynload/*.so"), *Path(np.__file__).parent.rglob("*.so")]
    root = folder / "root"
    for path in {program, *libraries_of(program, *modules)}:
        place = root / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    library = root / standard.relative_to("/")
    without = shutil.ignore_patterns("site-packages", "test", "idlelib", "__pycache__")
    shutil.copytree(standard, library, ignore=without)
    packages = library / "site-packages"
    numpy = Path(np.__file__).parent
    shutil.copytree(numpy, packages / "numpy", ignore=shutil.ignore_patterns("tests"))
    if (bundled := numpy.with_name("numpy.libs")).exists():
        shutil.copytree(bundled, packages / "numpy.libs", dirs_exist_ok=True)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/python3").symlink_to(program)
    temporary = root / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(mode)
    (temporary / "left-by-a-build").write_bytes(bytes(2**20))
    tar = folder / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", tar, "--owner=0", "--group=0", "."], check=True)
    podman("import", "--quiet", str(tar), name)
    return name
