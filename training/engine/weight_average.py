"""A network whose weights are the mean of the weights of several runs (Wortsman et al., ICML 2022).

Runs that continued from the same weights, each with other settings or data, stay close enough to one another for the
mean of their weights to work as a network, often better than each of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.exposure import TrainingExposure
from common.files import made_anew, sha256_of, write_json
from common.runs import load_best, read_config
from training.engine.callbacks import save_network


def average(runs: Sequence[Path], shares: Sequence[float], out: Path) -> None:
    """Writes best.keras, config.json and manifest.json of the mean: a run that can be scored and trained further.

    The configuration is the first run's; its entry `average` lists all runs, with share and hash.

    Args:
        runs: run folders, two or more, of one architecture, size and spec; best.keras of each counts.
        shares: weight of each run in the mean, > 0; only their ratios matter.
        out: folder to create; must not exist.

    Raises:
        ValueError: a folder is not a run, the runs do not fit together, the shares are wrong, or `out` exists.
    """
    if len(runs) < 2 or len(shares) != len(runs) or not all(0 < share < math.inf for share in shares):
        received = f"{', '.join(map(str, runs))}; shares {', '.join(f'{share:g}' for share in shares)}"
        raise ValueError(f"average: expected two runs or more, and a share above 0 for each. Received: {received}")
    if out.exists():
        raise ValueError(f"average: expected a new folder. Received: --out {out}, which exists")
    networks = [load_best(run) for run in runs]
    kinds = [(type(network), network.config, network.spec) for network in networks]
    for run, kind in zip(runs, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"average: expected networks of one architecture and size. Received: {runs[0]} and {run}")
    total, facts, exposure = sum(shares), [], TrainingExposure()
    mean: list[np.ndarray] = []
    for run, network, share in zip(runs, networks, shares, strict=True):
        weights = [(share / total) * weight.astype(np.float64) for weight in network.get_weights()]
        mean = [a + b for a, b in zip(mean, weights, strict=True)] if mean else weights
        facts.append({"run": str(run), "share": round(share / total, 4), "sha256": sha256_of(run / "best.keras")})
        exposure |= TrainingExposure.of_run(run)
    network.set_weights([x.astype(np.float32) for x in mean])
    config: dict[str, Any] = {**read_config(runs[0]), "average": facts}
    with made_anew(out) as part:
        save_network(network, part / "best.keras")
        write_json(part / "manifest.json", exposure.to_dict())
        write_json(part / "config.json", config)
