"""Pictures of a widget for the clipboard and for files: PNG at screen resolution, SVG with real text."""

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect
from PySide6.QtGui import QGuiApplication, QPaintEngine, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from secateur.errors import UserError


def copy_picture(widget: QWidget) -> None:
    """Put `widget` on the clipboard as a picture at screen resolution."""
    QGuiApplication.clipboard().setPixmap(widget.grab())


def save_picture(widget: QWidget, path: str | Path) -> None:
    """Write `widget` as it looks to `path`, .png or .svg; a half-written file never stays behind.

    UserError where the suffix is another one or the path cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix == ".svg":
        content = svg_of(widget)
    elif suffix == ".png":
        content = png_of(widget)
    else:
        raise UserError(f"{target.name} is neither a PNG nor an SVG.", "Choose a name that ends in .png or .svg.")
    write_whole(target, content)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file or none; UserError where the path cannot be written."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{target} cannot be written: {error.strerror}.", "Choose another folder.") from None


def png_of(widget: QWidget) -> bytes:
    """The PNG file of `widget` at screen resolution."""
    content, buffer = _open_buffer()
    widget.grab().save(buffer, "PNG")
    buffer.close()
    return bytes(content.data())


def svg_of(widget: QWidget) -> bytes:
    """The SVG file of `widget`, one unit a pixel."""
    content, buffer = _open_buffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle(widget.accessibleName())
    painter = QPainter(generator)
    flags = QWidget.RenderFlag.DrawWindowBackground | QWidget.RenderFlag.DrawChildren
    QWidget.render(widget, painter, QPoint(0, 0), QRegion(), flags)  # a graphics view has a `render` of its own
    painter.end()
    buffer.close()
    return bytes(content.data())


def wants_vectors(painter: QPainter) -> bool:
    """Whether a picture with lines and text is being made: what is kept as pixels is then painted anew."""
    engine = painter.paintEngine()
    return engine is not None and engine.type() == QPaintEngine.Type.SVG


def is_on_screen(widget: QWidget, painter: QPainter) -> bool:
    """Whether the window itself is painted, and not a picture of it."""
    engine, store = painter.paintEngine(), widget.window().backingStore()
    return engine is not None and store is not None and engine.paintDevice() is store.paintDevice()


def _open_buffer() -> tuple[QByteArray, QBuffer]:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return content, buffer
