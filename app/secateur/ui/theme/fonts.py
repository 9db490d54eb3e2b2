"""The type of the window: Inter, bundled, so that every machine shows what the tests and the pictures show.

A system's own fonts differ in width by a fifth; they are left for the characters that Inter has not.
"""

from functools import cache
from typing import Final

from PySide6.QtGui import QFontDatabase

from secateur.resources import resource

FILES: Final = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf")
"""The weights of the type scale: 400, 500 and 600."""


@cache
def interface_family() -> str:
    """The family of the bundled fonts, registered with Qt at the first call, which needs an application object.

    FileNotFoundError where a file is not among the resources, ValueError where Qt cannot read it.
    """
    families = set()
    for name in FILES:
        number = QFontDatabase.addApplicationFont(str(resource(f"fonts/{name}")))
        if number < 0:
            raise ValueError(f"Qt cannot read the bundled font {name}")
        families.add(QFontDatabase.applicationFontFamilies(number)[0])
    if len(families) != 1:
        raise ValueError(f"the bundled fonts are of several families: {sorted(families)}")
    return families.pop()
