"""The entry point of TensorBoard's tab "Attention", under a name that no other package has.

TensorBoard imports this module at its start. What belongs to catmat is imported late: where that fails, since another
package is called `experiments` for example, TensorBoard starts without the tab and says so in one line.
"""

import sys
from pathlib import Path
from typing import Any

from tensorboard.plugins import base_plugin
from tensorboard.util import tb_logging

PLUGIN = "catmat"


class AttentionLoader(base_plugin.TBLoader):
    """Loads the plugin."""

    def fix_flags(self, flags: Any) -> None:
        """Keep every step of our tensors, unless the user says otherwise."""
        if getattr(flags, "samples_per_plugin", None) is not None:
            flags.samples_per_plugin.setdefault(PLUGIN, 0)

    def load(self, context: Any) -> Any:
        """The plugin, or None where catmat cannot be imported."""
        try:
            from experiments.tensorboard_plugin.plugin import AttentionPlugin  # noqa: PLC0415  may be another's

            plugin = AttentionPlugin(context)
            plugin.look_ahead()
            return plugin
        except (Exception, SystemExit) as error:  # another's package may do anything when it is imported
            said = " ".join(f"{type(error).__name__}: {error}".split())
            tb_logging.get_logger().warning(
                "The tab Attention is left out: catmat cannot be imported (%s)", _reason(said)
            )
            return None


def _reason(said: str) -> str:
    """What stands in the way: another package of our name, or an error."""
    found = getattr(sys.modules.get("experiments"), "__file__", None)
    if found and Path(found).resolve().parents[1] != Path(__file__).resolve().parent:
        return f"its package experiments is hidden by {found}; rename that, or start TensorBoard elsewhere"
    return said
