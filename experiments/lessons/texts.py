"""The texts of the lessons in a language; what a translation lacks is told in English."""

from pathlib import Path

from data.errors import require, suggestion
from data.yaml_file import read_yaml

FOLDER = Path(__file__).parent / "texts"
ENGLISH = "en"
Texts = dict[str, dict[str, str | list[str]]]


def languages() -> list[str]:
    """The languages that there are texts in."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_texts(language: str = ENGLISH, folder: Path = FOLDER) -> Texts:
    """The texts by section and name.

    Raises:
      InputError: there are none in this language.
    """
    path = folder / f"{language}.yaml"
    known = sorted(one.stem for one in folder.glob("*.yaml"))
    require(language in known, f"--language {language}: there are no lessons in it{suggestion(language, known)}")
    english: Texts = read_yaml(FOLDER / f"{ENGLISH}.yaml", f"lessons/texts/{ENGLISH}.yaml").value
    own: Texts = read_yaml(path, f"lessons/texts/{path.name}").value
    return {section: texts | (own.get(section) or {}) for section, texts in english.items()}
