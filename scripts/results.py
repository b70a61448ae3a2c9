"""`docs/results.md` of an evaluation of the bundled weights and an ablation, as the commands wrote them.

python scripts/results.py EVAL_FOLDER [ABLATION_FOLDER …] > docs/results.md
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


def chosen_control(folder: Path) -> str:
    """Which control does better what it is asked, over all pictures."""
    from uniser_model.restore.measure import CLEARLY_DB, better

    lines = json.loads((folder / "control.json").read_text())["lines"]
    means = {x["method"]: x["metrics"]["asked_psnr_db"]["mean"] for x in lines[-2:]}
    told = ", ".join(f"`{name}` {mean:.2f} dB" for name, mean in means.items())
    return (f"Doing what is asked (`asked_psnr_db`, over all pictures): {told}; the default of these weights is "
            f"`{better(means)}`\n(`network` would have to be ahead by {CLEARLY_DB} dB).\n")  # fmt: skip


def worst(folder: Path, count: int = 5) -> str:
    """The pictures that lost most."""
    rows = list(csv.DictReader((folder / "pictures.csv").open()))
    before = {r["picture"]: float(r["psnr_db"]) for r in rows if r["method"] == "identity"}
    after = {r["picture"]: float(r["psnr_db"]) for r in rows if r["method"] == "uniser"}
    order = sorted(after, key=lambda k: after[k] - before[k])[:count]
    lines = [f"| {k} | {before[k]:.1f} | {after[k] - before[k]:+.2f} |\n" for k in order]
    return "| worst pictures | input, dB | gain, dB |\n|---|---|---|\n" + "".join(lines)


# What an ablation is of, by the name of one of its arms; studies of others carry their names.
STUDIES = {
    "single-steps": ("single", "Joint against single training"),
    "fresh": ("fresh", "Recipe rows as stored against drawn anew each epoch"),
    "plain": ("zero-shot", "Effects kept out of training, with and without generic prompts and the auxiliary task"),
}


def ablation(folder: Path) -> str:
    """The section of one ablation: its command, who wins, its tables."""
    found = json.loads((folder / "table.json").read_text())
    arms = [name.partition("/")[0] for name in found["arms"]]
    study, title = next((STUDIES[a] for a in arms if a in STUDIES), ("…", f"Joint against {', '.join(arms[1:])}"))
    unseen = sorted({r["effect"].partition(" ")[0] for r in found["gains"] if "(unseen)" in r["effect"]})
    command = (f"uniser ablate {found['preset']} --data corpus --study {study} --steps {found['steps']} "
               f"--seeds {found['seeds']} --pairs {found['pairs']} --out ablation"
               + "".join(f" --unseen pairs/{e}" for e in unseen))  # fmt: skip
    verdicts = [row["verdict"] for row in found["differences"]]
    won = sum(v == "joint is better" for v in verdicts)
    lost = sum("joint" not in v and not v.startswith("undecided") for v in verdicts)
    by_prompt: dict[str, list[float]] = {}
    for row in found["gains"]:
        if "(unseen)" in row["effect"]:
            by_prompt.setdefault(row["prompt"], []).append(row["gain_db"])
    deaf = len(by_prompt) == 2 and by_prompt["task"] == by_prompt["generic"]
    said = "The prompt makes no difference to them: after so few steps the text is not heard yet.\n\n" if deaf else ""
    return (
        f"\n## {title}\n\n```sh\n{command}\n```\n\n"
        f"Of {len(verdicts)} comparisons `joint` wins {won} and loses {lost}, after {found['steps']} steps of "
        f"{found['batch']} samples:\nfar too few to say what the paper's scale would.\n\n"
        + said
        + (folder / "table.md").read_text().replace("### ", f"### {study}: ")
    )


def main(evaluated: str, *ablated: str) -> None:
    """Print the page."""
    folder = Path(evaluated)
    facts = json.loads((folder / "table.json").read_text())
    print("# Results\n")
    weights = facts["checkpoint"].partition("-")[0]
    print(f"Written by `python scripts/results.py`. Bundled weights (`{weights}…`), held-out photos of the corpus that")
    print("their card describes; figures are means with 95% intervals over groups.\n")
    limit = f" --limit {facts['limit']}" if facts.get("limit") else ""
    print(f"```sh\nuniser eval uniser_model/weights/demo --bench held_out=corpus{limit} --control --out eval\n```\n")
    print(of_eval(folder))
    print(chosen_control(folder))
    print(worst(folder))
    print((Path(__file__).parent / "results_notes.md").read_text(), end="")
    for place in ablated:
        print(ablation(Path(place)), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
