"""`python -m operate.dashboards.publish`: writes the dashboards as the JSON files of Grafana."""

import json
from pathlib import Path

from operate.dashboards.dashboard import Dashboard, dashboard_json
from operate.dashboards.pipeline import PIPELINE
from operate.dashboards.presence import PRESENCE

DASHBOARDS = (PRESENCE, PIPELINE)
FOLDER = Path(__file__).parents[2] / "k8s" / "grafana" / "dashboards"


def text_of(board: Dashboard) -> str:
    """The content of its file."""
    return json.dumps(dashboard_json(board), indent=2, ensure_ascii=False) + "\n"


def publish(folder: Path = FOLDER) -> list[Path]:
    """Write each as UID.json; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for board in DASHBOARDS:
        path = folder / f"{board.uid}.json"
        path.write_text(text_of(board), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    publish()
