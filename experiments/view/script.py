"""The modules of a page as one script, for a page that is one file: no build step, no library.

Modules stand in the order in which they need each other, without their `import` and `export`; so no two of them may
give one name to something at their top. Only the forms of `import` and `export` that stand in `assets/` are understood.
"""

import re
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async function|function|class|const|let)", re.MULTILINE)
_NOT_UNDERSTOOD = re.compile(r"^(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta.*", re.MULTILINE)
_RENAMED = re.compile(r"^import \{[^}]*\bas\b[^}]*\}", re.MULTILINE)
_NAMED = re.compile(r"^(?:async )?(?:function\*?|class|const|let|var) (\w+)", re.MULTILINE)
_UNPACKED = re.compile(r"^(?:const|let|var) [\[{]([^=]*)[\]}] =", re.MULTILINE)


def one_script(entry: str, folder: Path = ASSETS) -> str:
    """The source of a module and of all that it imports, directly or not, as one classic script.

    Args:
      entry: the file name of a module in `folder`.
      folder: where the modules lie.

    Raises:
      ValueError: two modules give one name, a form of `import` or `export` is not understood, modules import in a loop,
        or a source would end the script element that it stands in.
    """
    order: dict[str, str] = {}
    _collect(entry, folder, order, ())
    owner: dict[str, str] = {}
    for module, source in order.items():
        for name in names_at_the_top(source):
            if name in owner:
                raise ValueError(f"{module} and {owner[name]} both name {name}; rename one")
            owner[name] = module
    return "\n".join(order.values())


def names_at_the_top(source: str) -> list[str]:
    """What a module defines outside of all functions and classes; sources are indented, so that it begins a line."""
    unpacked = [re.split(r":\s*", name.strip())[-1] for names in _UNPACKED.findall(source) for name in names.split(",")]
    return [*_NAMED.findall(source), *(name for name in unpacked if name)]


def _collect(module: str, folder: Path, order: dict[str, str], above: tuple[str, ...]) -> None:
    """Put a module's source into `order`, behind those of what it imports."""
    if module in order:
        return
    if module in above:
        raise ValueError(f"{' imports '.join([*above, module])}")
    source = (folder / module).read_text(encoding="utf-8")
    for needed in _IMPORT.findall(source):
        _collect(needed, folder, order, (*above, module))
    plain = _EXPORT.sub("", _IMPORT.sub("", source))
    if found := _RENAMED.search(source) or _NOT_UNDERSTOOD.search(plain):
        raise ValueError(f"{module}: '{found[0]}' is not understood")
    if found := re.search(r"</script|<!--", plain, re.IGNORECASE):
        raise ValueError(f"{module}: '{found[0]}' would end the script")
    order[module] = plain
