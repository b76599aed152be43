"""Make a readable report of a command that failed: what it was, what it named as failed, its end.

python tools/weekly_report.py "make test-newest" log.txt report.md
"""

import argparse
import re
from pathlib import Path

END = 40  # lines
NAMED = re.compile(r"^(FAILED|ERROR)\b.*|.*\bbroken\b.*|^make.*\bError\b.*", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def report(command: str, log: str) -> str:
    """Return the report in Markdown."""
    log = COLOURS.sub("", log)
    named = list(dict.fromkeys(found[0].strip()[:300] for found in NAMED.finditer(log)))
    lines = [f"## `{command}` failed", ""]
    if named:
        lines += [f"{len(named)} lines name what failed:", ""]
        lines += [f"- `{line.replace('`', '')}`" for line in named[:50]]
        lines += ["- ..."] if len(named) > 50 else []
        lines.append("")
    end = "\n".join(log.rstrip().splitlines()[-END:]).replace("```", "'''")
    return "\n".join([*lines, f"Its last {END} lines:", "", "```text", end, "```", ""])


def main() -> None:
    """Read a log, write a report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command")
    parser.add_argument("log", type=Path)
    parser.add_argument("report", type=Path)
    options = parser.parse_args()
    text = options.log.read_text(encoding="utf-8", errors="replace")
    options.report.write_text(report(options.command, text), encoding="utf-8")


if __name__ == "__main__":
    main()
