"""A configuration file and the directories it names, for a Vrabec that only tests know."""

from pathlib import Path


def write_config(root: Path, database: str) -> Path:
    """Make the directories of a Vrabec below `root`, and its configuration file."""
    for name in ("data", "run"):
        (root / name).mkdir(parents=True, exist_ok=True)
    path = root / "vrabec.toml"
    path.write_text(f'data_dir = "{root}/data"\nrun_dir = "{root}/run"\ndatabase = "{database}"\n')
    return path
