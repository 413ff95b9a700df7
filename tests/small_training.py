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


PROBE = "a wolf prowled on the quiet shelf ."
WHOLE = Config(
    seed=5,
    seeds=2,
    probes=(PROBE,),
    model=ModelConfig(d_model=8, d_head=4, d_mlp=12, embedding_std=0.5),
    train=TrainConfig(steps=20, batch=64),
    evaluate=EvaluateConfig(sentences=64),
    track=TrackConfig(records=6, images=3, checkpoint_seconds=0.0),
)
"""Two runs with every part of a model and a sentence of their own: what they leave is tested in `tests/tracking`."""
STEPS = [0, 1, 2, 5, 10, 20]
"""6 numbers from 1 to 21 in equal ratios, less 1, rounded: 0, .8, 2.4, 5.2, 10.4, 20."""
PICTURED = [0, 2, 20]
