"""What is repeated of each paper: frozen dataclasses, the schema of `configs/papers/*.yaml`. Imports no jax."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import is_file, require, suggestion
from data.yaml_file import read_yaml
from experiments.config.loader import load_as, make_as
from experiments.studies.options import CheckedLists
from model.config import setting

PAPERS = ("entropy", "logit_size", "mup")
MAX_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class EntropyConfig(CheckedLists):
    """Zhai et al. 2023, theorem 3.1: the least entropy that a row of attention can have."""

    norms: tuple[float, ...] = setting(
        (0.5, 1.0, 2.0, 4.0, 8.0), "norms r of the extremal rows", rising=(1, 0.0, 1000.0)
    )
    lengths: tuple[int, ...] = setting((6, 10), "lengths T of the extremal rows", rising=(1, 2, 10_000))
    rows: int = setting(1_000_000, "random rows", low=1, high=1_000_000_000)
    d_head: int = setting(64, "components of a head, in the real runs", low=1, high=4096)
    seeds: int = setting(3, "real runs of each scale", low=1, high=MAX_SEEDS)
    steps: int = setting(400, "updates of a real run", low=1, high=1_000_000)
    batch: int = setting(256, "sentences an update", low=1, high=1_000_000)
    records: int = setting(24, "steps at which rows are recorded", low=2, high=1000)


@dataclass(frozen=True, kw_only=True)
class LogitSizeConfig(CheckedLists):
    """Wortsman et al. 2023, figure 10: the loss of a model whose attention logits are held at a given size."""

    kappas: tuple[float, ...] = setting(
        (0.1, 0.3, 1.0, 2.0, 4.0, 10.0, 100.0, 1000.0, 10_000.0),
        "sizes kappa of the logits, rising",
        rising=(3, 1e-6, 1e9),
    )
    learning_rates: tuple[float, ...] = setting(
        (0.003, 0.01, 0.03), "learning rates; the best of each kappa counts", rising=(1, 1e-9, 1e3)
    )
    clauses: int = setting(1, "train on sentences of so many clauses; 0 for all", low=0, high=100)
    d_head: int = setting(16, "components of a head", low=1, high=4096)
    seeds: int = setting(5, "models of each kappa and learning rate", low=2, high=MAX_SEEDS)
    steps: int = setting(500, "updates", low=1, high=1_000_000)
    batch: int = setting(256, "sentences an update", low=1, high=1_000_000)
    sentences: int = setting(1024, "sentences of the evaluation set", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class MupConfig(CheckedLists):
    """Yang et al. 2022: the coordinate check of attention's logits under 1/d, beside 1/sqrt(d)."""

    sizes: tuple[int, ...] = setting((4, 8, 16, 32, 64, 128, 256), "values of d_head, rising", rising=(2, 1, 4096))
    clauses: int = setting(1, "train on sentences of so many clauses; 0 for all", low=0, high=100)
    seeds: int = setting(12, "models of each size and scale", low=2, high=MAX_SEEDS)
    steps: int = setting(500, "updates", low=1, high=1_000_000)
    batch: int = setting(256, "sentences an update", low=1, high=1_000_000)
    learning_rate: float = setting(1e-2, "largest learning rate, the same for all", low=0.0, high=1e3)
    sentences: int = setting(512, "sentences on which the scores are measured", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class PapersConfig(CheckedLists):
    """Everything that `experiments.papers` repeats."""

    COMMAND = "papers"
    papers: tuple[str, ...] = setting(PAPERS, "which papers are repeated: entropy, logit_size, mup")
    world: str = setting("english", "the world: one of catmat's (see data/worlds), or the path of a world file")
    seed: int = setting(0, "the first seed", low=0, high=2**31 - 1 - MAX_SEEDS)
    entropy: EntropyConfig = field(default_factory=EntropyConfig)
    logit_size: LogitSizeConfig = field(default_factory=LogitSizeConfig)
    mup: MupConfig = field(default_factory=MupConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.papers or not set(self.papers) <= set(PAPERS) or len(set(self.papers)) < len(self.papers):
            raise ValueError(f"papers: must be some of {', '.join(PAPERS)}, each once, not {list(self.papers)}")


def load_papers(name: str | None, overrides: Mapping[str, str]) -> PapersConfig:
    """The config `name`: one of `configs/papers/`, or a path; None for all papers as they are repeated by default.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    if name is None or is_file(Path(name)):
        return load_as(PapersConfig, name, overrides)
    folder = Path(__file__).parents[2] / "configs" / "papers"
    names = sorted(path.name for path in folder.glob("*.yaml"))
    found = name if name in names else f"{name}.yaml"
    require(found in names, f"{name}: no such config file{suggestion(name, names)}")
    return make_as(PapersConfig, read_yaml(folder / found, f"configs/papers/{found}"), overrides)
