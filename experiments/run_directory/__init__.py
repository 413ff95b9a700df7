"""The files of a run and how to read them; needs NumPy alone, no jax.

runs/toy-001/                 one run; with several seeds, one folder inside for each: seed-0, seed-1, ...
    config.yaml               the whole config, resolved
    events.out.tfevents.*     for TensorBoard
    attention.png             how the attention of one watched sentence formed: of your own, if one was given
    record.npz, params.npz    everything measured, and the parameters, at each recorded step
    summary.json              the final numbers under stable names

    from experiments.run_directory import load_run

    run = load_run("runs/toy-001")
    run.record["weights"][-1, 0, 0]     the last map of sentence 0, masked word 0: [heads, words]
    run.params(-1)                      the parameters at the last recorded step, as `model.functional.apply` takes them
"""

from experiments.run_directory.saved_run import SavedRun, load_run

__all__ = ["SavedRun", "load_run"]
