"""Trainings that take a moment: few sentences, small models."""

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


WHOLE = Config(
    seed=3,
    model=ModelConfig(d_model=8, d_head=4, d_mlp=12, embedding_std=0.5),
    train=TrainConfig(steps=12, batch=64),
    evaluate=EvaluateConfig(sentences=64),
    track=TrackConfig(records=5, images=3),
)
"""With every part of a model; the compiler meets it once for all files that use it."""
