"""The commands in groups, and what one types most often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    "begin": ("demo", "doctor", "recipe", "compose"),
    "train": ("train", "warmstart", "distill", "sweep", "export"),
    "measure": ("evaluate", "runs", "report", "view", "views", "bench"),
    "use": ("run", "serve", "index"),
}
"""Commands that are in none of them are shown last."""

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "bench": ("mem1 bench",),
    "completion": ('eval "$(mem1 completion bash)"', "mem1 completion fish > ~/.config/fish/completions/mem1.fish"),
    "compose": ("mem1 compose demo | head -1", "mem1 compose demo --tasks.objectives 4"),
    "demo": ("mem1 demo", "mem1 demo --run runs/mine --resume"),
    "distill": ("mem1 distill distill", "mem1 distill distill --max-calls 500 --max-cost 2.50"),
    "doctor": ("mem1 doctor", "mem1 doctor parallel --train.steps 200"),
    "evaluate": (
        "mem1 evaluate demo --evaluate.horizons 1,2,4 --evaluate.tasks 50",
        "mem1 evaluate models/mine            # a folder that mem1 export wrote",
        "mem1 evaluate runs/mine --checkpoints all",
        "mem1 evaluate endpoint --compare --dry-run",
        "mem1 evaluate endpoint --compare --max-cost 5",
    ),
    "export": (
        "mem1 export runs/mine models/mine --dtype bfloat16",
        "mem1 export runs/mine models/best --checkpoint best",
    ),
    "index": ("mem1 index corpus.jsonl.gz --out indexes/mine",),
    "recipe": ("mem1 recipe train.optimizer", "mem1 recipe --schema --out recipe.schema.json"),
    "report": ("mem1 report runs/mine", "mem1 report runs/a runs/b --paper"),
    "runs": (
        "mem1 runs --where status=finished --where recipe=factbook-* --sort score",
        "mem1 runs runs/sweep --over-seeds",
        "mem1 runs --json",
    ),
    "serve": ("mem1 serve retrieve --help", "mem1 serve mcp --files docs/ --url http://127.0.0.1:8080/v1"),
    "sweep": (
        "mem1 sweep train parallel --train.optimizer.lr 1e-6,3e-6 --seeds 3 --into runs/lr",
        "mem1 sweep train parallel --train.optimizer.lr 1e-6,3e-6 --seeds 3 --into runs/lr --print",
    ),
    "train": (
        "mem1 train parallel --train.steps 20 --seed 3",
        "mem1 train runs/mine/config.toml --run runs/mine --resume",
        "mem1 train parallel --monitors tensorboard --quiet",
    ),
    "view": ("mem1 view runs/mine --open",),
    "views": ("mem1 views",),
    "warmstart": ("mem1 warmstart tiny-warmstart --warmstart.steps 200",),
}


def grouped(commands: Iterable[str]) -> dict[str, list[str]]:
    """The commands by group, each in exactly one."""
    known = list(commands)
    found = {title: [name for name in names if name in known] for title, names in GROUPS.items()}
    told = {name for names in found.values() for name in names}
    found["shell and more"] = [name for name in known if name not in told]
    return {title: names for title, names in found.items() if names}
