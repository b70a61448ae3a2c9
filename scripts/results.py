"""`docs/results.md` of an evaluation of the bundled weights and an ablation, as the commands wrote them.

python scripts/results.py EVAL_FOLDER [ABLATION_FOLDER] > docs/results.md
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_model.scoring.tables import pipe_table

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = ("psnr_db", "ssim_gauss11", "lab_mae", "contrast_gain")


def of_eval(folder: Path, tables: Sequence[str] = ("table", "control")) -> str:
    """The tables of `uniser eval`, some columns of the first."""
    parts = []
    for name in tables:
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        found = json.loads(path.read_text())
        known = [m for m in dict.fromkeys(m for x in found["lines"] for m in x["metrics"])
                 if name == "control" or m in SHOWN]  # fmt: skip
        rows = [["", "method", "pictures", *known]]
        rows += [[x["bench"], x["method"], str(x["pictures"]), *(_cell(x["metrics"].get(m), m) for m in known)]
                 for x in found["lines"]]  # fmt: skip
        parts.append(f"### {name.capitalize()}\n\n" + pipe_table(rows))
    return "\n".join(parts)


def _cell(figure: dict[str, Any] | None, metric: str) -> str:
    if figure is None:
        return ""
    digits = 2 if metric.endswith("_db") or metric.startswith("lab") else 3
    return f"{figure['mean']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def worst(folder: Path, count: int = 5) -> str:
    """The pictures that lost most."""
    rows = list(csv.DictReader((folder / "pictures.csv").open()))
    before = {r["picture"]: float(r["psnr_db"]) for r in rows if r["method"] == "identity"}
    after = {r["picture"]: float(r["psnr_db"]) for r in rows if r["method"] == "uniser"}
    order = sorted(after, key=lambda k: after[k] - before[k])[:count]
    lines = [f"| {k} | {before[k]:.1f} | {after[k] - before[k]:+.2f} |\n" for k in order]
    return "| worst pictures | input, dB | gain, dB |\n|---|---|---|\n" + "".join(lines)


def main(evaluated: str, ablated: str = "") -> None:
    """Print the page."""
    folder = Path(evaluated)
    facts = json.loads((folder / "table.json").read_text())
    print("# Results\n")
    weights = facts["checkpoint"].partition("-")[0]
    print(f"Written by `python scripts/results.py`. Bundled weights (`{weights}…`), held-out photos of the corpus that")
    print("their card describes; figures are means with 95% intervals over groups.\n")
    print("```sh\nuniser eval uniser_model/weights/demo --bench held_out=corpus --control --out eval\n```\n")
    print(of_eval(folder))
    print(worst(folder))
    print((Path(__file__).parent / "results_notes.md").read_text(), end="")
    if ablated:
        found = json.loads((Path(ablated) / "table.json").read_text())
        verdicts = [row["verdict"] for row in found["differences"]]
        won = sum(v == "joint is better" for v in verdicts)
        lost = sum("joint" not in v and v != "undecided" for v in verdicts)
        print("\n## Joint against single training\n")
        print(f"```sh\nuniser ablate {found['preset']} --data corpus --out ablation --steps {found['steps']} "
              f"--seeds {found['seeds']} --pairs {found['pairs']}\n```\n")  # fmt: skip
        print(
            f"Of {len(verdicts)} comparisons joint training wins {won} and loses {lost}, after {found['steps']} steps"
        )
        print(f"of {found['batch']} samples: far too few to say what the paper's scale would.\n")
        print((Path(ablated) / "table.md").read_text(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
