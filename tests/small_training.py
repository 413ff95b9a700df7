"""A training that takes a moment: the smallest model, few sentences."""

from experiments.config.schema import Config, EvaluateConfig, TrackConfig, TrainConfig
from model.config import ModelConfig


def small_config(world="english", steps=3, records=2, seeds=1):
    """With a checkpoint wherever there may be one."""
    return Config(
        world=str(world),
        seeds=seeds,
        model=ModelConfig(d_model=4, heads=1, d_head=2, d_mlp=0),
        train=TrainConfig(steps=steps, batch=8),
        evaluate=EvaluateConfig(sentences=8),
        track=TrackConfig(records=records, images=2, checkpoint_seconds=0.0),
    )
