"""Published files of an invented catalogue, for programs that read files."""

from __future__ import annotations

import json
from pathlib import Path

from mem1.webshop.catalogue.made import made_records


def written(folder: Path, count: int = 60) -> Path:
    """The file of items; that of attributes lies beside it, both under the published names."""
    items, attributes = [], {}
    for record, more in made_records(count, seed=3):
        items.append(record)
        attributes[record["asin"]] = more
    (folder / "items_ins_v2_1000.json").write_text(json.dumps(attributes), encoding="utf-8")
    path = folder / "items_shuffle_1000.json"
    path.write_text(json.dumps(items), encoding="utf-8")
    return path
