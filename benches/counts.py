"""Instructions of three fixed small problems under callgrind, against the record in counts.json.

    python benches/counts.py [--update] [--twice]

Counted is the solve alone (`counted` in counts.rs), on one thread. Valgrind hides AVX-512 from the
program, so these are the counts of the AVX2 path, also on a machine where the AVX-512 path would
run. They do not depend on the load of the machine; they do depend on the compiler, whose version
the record keeps. Exit code 1 where a count changed by more than 3 %.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from targets import Part, Target

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benches" / "counts.json"
PROBLEMS = ("free", "fixed", "reweighted")
LIMIT = 0.03


def build():
    """The program, as cargo built it."""
    command = ["cargo", "bench", "-q", "--no-run", "--bench", "counts", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    built = [m for m in messages if m.get("target", {}).get("name") == "counts"]
    return built[-1]["executable"]


def count(program, name):
    """Instructions of one problem, and what the program said about it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted*",
            f"--callgrind-out-file={folder}/out", program, name,
        ]  # fmt: skip
        # The same environment each time: its size moves the stack.
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found or int(found[1]) == 0:
        sys.exit(f"callgrind counted nothing of {name}:\n{done.stderr}")
    return int(found[1]), done.stdout.strip()


def measure(options):
    """The part of the page about instructions: each problem against the record."""
    lines = [
        "## Instructions",
        "",
        "Of a solve of three small problems under callgrind (AVX2, one thread), which no load of "
        "the machine changes; `make counts` records them.",
        "",
        "| problem | instructions | against the record | gap |",
        "|---|---|---|---|",
    ]
    what, target = "instructions against the record", f"within {100 * LIMIT:g} %"
    if shutil.which("valgrind") is None:
        rows = [Target(what, target, "not counted: valgrind is not installed", None)]
        return Part([*lines, "| not counted: valgrind is not installed | | | |"], rows)
    record, program, rows = json.loads(RECORD.read_text()), build(), []
    for name in PROBLEMS:
        number, said = count(program, name)
        change = number / record["instructions"][name] - 1.0
        gap = re.search(r"gap ([^,]+)", said)[1]
        lines.append(f"| {name} | {number} | {100 * change:+.2f} % | {gap} |")
        print(lines[-1], flush=True)
        told = f"{100 * change:+.2f} % (gap {gap})"
        rows.append(Target(f"{what}: {name}", target, told, abs(change) <= LIMIT))
    return Part(lines, rows)


def main():
    """Count, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the record")
    parser.add_argument("--twice", action="store_true", help="count again: are counts repeatable?")
    options = parser.parse_args()
    program = build()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"instructions": {}}
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    version = compiler.stdout.split()[1]
    if record.get("rustc", version) != version:
        print(f"recorded with rustc {record['rustc']}, counted with {version}")
    changed, counts = [], {}
    for name in PROBLEMS:
        counts[name], said = count(program, name)
        before = record["instructions"].get(name)
        change = counts[name] / before - 1.0 if before else None
        against = "no record" if change is None else f"{100 * change:+.2f} % of the record"
        print(f"{counts[name]:12d} instructions, {against}; {said}", flush=True)
        if change is None or abs(change) > LIMIT:
            changed.append(name)
        if options.twice:
            again = count(program, name)[0]
            print(f"{again:12d} the second time, {100 * (again / counts[name] - 1):+.4f} %")
    if options.update:
        note = "solve alone, one thread, callgrind (AVX2 path: valgrind hides AVX-512)"
        new = {"note": note, "rustc": version, "instructions": counts}
        RECORD.write_text(json.dumps(new, indent=2) + "\n")
        print("recorded")
    elif changed:
        limit = f"{100 * LIMIT:g} %"
        sys.exit(f"changed by more than {limit}: {', '.join(changed)} (--update records them)")
    else:
        print(f"nothing changed by more than {100 * LIMIT:g} %")


if __name__ == "__main__":
    main()
