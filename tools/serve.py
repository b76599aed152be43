"""Serve a folder on loopback as a static host would: compressed, and with the headers it needs."""

import argparse
import asyncio
import re
import sys
from html import unescape
from pathlib import Path

from tornado.web import Application, StaticFileHandler

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


def page_policy(path: Path) -> str:
    """Return what a page says that it may load and run, and that no other site may frame it.

    Empty for what is no page, or says nothing.
    """
    if path.suffix != ".html":
        return ""
    with path.open(encoding="utf-8") as page:
        found = POLICY.search(page.read(2000))
    return f"{unescape(found[1])}; frame-ancestors 'self'" if found else ""


class Static(StaticFileHandler):
    """Files: those that pages name with a digest (?v=) keep for a year, others are asked for."""

    def get_cache_time(self, path, modified, mime_type):  # noqa: D102
        return 365 * 24 * 3600 if "v" in self.request.arguments else 0

    def set_extra_headers(self, path):  # noqa: D102
        if "v" not in self.request.arguments:
            self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        if policy := page_policy(Path(self.absolute_path)):
            self.set_header("Content-Security-Policy", policy)

    def write_error(self, status_code, **_):  # noqa: D102
        missing = Path(self.root) / "404.html"
        if status_code != 404 or not missing.is_file():
            super().write_error(status_code)
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(missing.read_bytes())

    def get_content_type(self):  # noqa: D102
        known = {".ipynb": "application/json", ".js": "text/javascript", ".woff2": "font/woff2"}
        kind = known.get(Path(self.absolute_path).suffix) or super().get_content_type()
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def application(folder: Path) -> Application:
    """Return the server of a folder; a folder's page is its index.html."""
    files = {"path": str(folder), "default_filename": "index.html"}
    return Application([(r"/(.*)", Static, files)], compress_response=True)


async def serve(folder: Path, port: int) -> None:
    """Serve until interrupted; port 0 takes a free one."""
    server = application(folder).listen(port, address="127.0.0.1")
    port = next(iter(server._sockets.values())).getsockname()[1]
    print(f"Serving {folder} at http://127.0.0.1:{port}/ (Ctrl-C ends it)", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder to serve")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any that is free")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"There is no folder {options.folder}: build the book first (make book).")
    try:
        asyncio.run(serve(options.folder, options.port))
    except KeyboardInterrupt:
        print()
    except OSError as error:
        sys.exit(
            f"Port {options.port} cannot be used ({error.strerror}): choose another with --port."
        )


if __name__ == "__main__":
    main()
