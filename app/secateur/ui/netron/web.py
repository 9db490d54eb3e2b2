"""Netron's page in a widget. The only file that touches Qt WebEngine, and only once a person asks for the page."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QFile, QIODevice, Qt, QUrl, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog, QMessageBox, QVBoxLayout, QWidget

from secateur.resources import resource
from secateur.ui.netron.access import is_allowed
from secateur.ui.netron.bridge import PageBridge

if TYPE_CHECKING:
    from PySide6.QtWebEngineCore import QWebEngineDownloadRequest, QWebEnginePage, QWebEngineProfile

_log = logging.getLogger(__name__)


class WebGraph(QWidget):
    """Shows the page at `url`; call `available.load()` first, and `stop` before it is dropped.

    Netron lays its graph out in animation frames, which a page gets only while it is visible. `refusal` says of a path
    why a picture is not saved there, empty where it may be.
    """

    failed = Signal(str)

    def __init__(
        self,
        url: str,
        bridge: PageBridge,
        background: QColor,
        refusal: Callable[[Path], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._refusal = refusal
        from PySide6.QtWebEngineCore import QWebEngineProfile
        from PySide6.QtWebEngineWidgets import QWebEngineView

        self.setObjectName("netron_page")
        self._profile = QWebEngineProfile(self)  # without a name: it keeps nothing on disk
        # held here, because Qt only borrows it: let go of, it would vanish and everything be let through
        self._guard = _classes()["guard"](url)
        self._profile.setUrlRequestInterceptor(self._guard)
        self._profile.downloadRequested.connect(self._on_download)
        self.page: QWebEnginePage = _page(url, self._profile, bridge)
        self.page.setBackgroundColor(background)
        self.page.loadFinished.connect(self._on_loaded)
        self.page.renderProcessTerminated.connect(self._on_death)
        self.view = QWebEngineView(self)
        self.view.setObjectName("netron_view")
        self.view.setAccessibleName(self.tr("Netron's graph"))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.view.setPage(self.page)
        for target in (self.view, self.view.focusProxy()):
            if target is not None:
                target.setAcceptDrops(False)  # a dropped file is for the window, not for the page
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self._stopped = self._loaded = False
        self.page.setUrl(QUrl(url))

    def set_background(self, background: QColor) -> None:
        """The colour behind the page, seen while it loads."""
        self.page.setBackgroundColor(background)

    def stop(self) -> None:
        """End the page: first the view, then the page, then its profile, the order that Qt WebEngine asks for."""
        if not self._stopped:
            self._stopped = True
            self.view.setParent(None)
            for part in (self.view, self.page, self._profile):
                part.deleteLater()

    def _on_loaded(self, ok: bool) -> None:
        was_loaded, self._loaded = self._loaded, self._loaded or ok
        if not was_loaded and not ok and not self._stopped:  # a link that was refused is no failure of the page
            self.failed.emit(self.tr("Netron's page could not be loaded."))

    def _on_death(self) -> None:
        if not self._stopped:
            self.failed.emit(self.tr("The process that draws Netron's page ended, most often for lack of memory."))

    def _on_download(self, request: "QWebEngineDownloadRequest") -> None:
        """Netron's own export of the whole graph as PNG or SVG: saved where the person chooses."""
        start = str(Path.home() / request.downloadFileName())
        chosen, _ = QFileDialog.getSaveFileName(self, self.tr("Save picture"), start, "Pictures (*.png *.svg)")
        if chosen and (reason := self._refusal(Path(chosen))):
            QMessageBox.warning(self, self.tr("Save picture"), reason)
        elif chosen:
            request.setDownloadDirectory(str(Path(chosen).parent))
            request.setDownloadFileName(Path(chosen).name)
            request.accept()


def _page(url: str, profile: "QWebEngineProfile", bridge: PageBridge) -> "QWebEnginePage":
    """A page with the channel to `bridge` in it, from the moment its document is created."""
    from PySide6.QtWebChannel import QWebChannel
    from PySide6.QtWebEngineCore import QWebEngineScript, QWebEngineSettings

    page: QWebEnginePage = _classes()["page"](url, profile)
    channel = QWebChannel(page)
    channel.registerObject("secateur", bridge)
    page.setWebChannel(channel, QWebEngineScript.ScriptWorldId.MainWorld)
    script = QWebEngineScript()
    script.setName("secateur")
    script.setSourceCode(f"{_channel_source()}\n{resource('netron/bridge.js').read_text(encoding='utf-8')}")
    script.setInjectionPoint(QWebEngineScript.InjectionPoint.DocumentCreation)
    script.setWorldId(QWebEngineScript.ScriptWorldId.MainWorld)  # where window.__view__ is
    script.setRunsOnSubFrames(False)
    page.scripts().insert(script)
    attribute = QWebEngineSettings.WebAttribute
    page.settings().setAttribute(attribute.FocusOnNavigationEnabled, False)  # the keyboard stays where it is
    page.settings().setAttribute(attribute.JavascriptCanOpenWindows, False)
    return page


def _channel_source() -> str:
    """Qt's own JavaScript for the page's end of a channel."""
    file = QFile(":/qtwebchannel/qwebchannel.js")
    if not file.open(QIODevice.OpenModeFlag.ReadOnly):
        raise FileNotFoundError("Qt WebChannel came without qwebchannel.js.")
    try:
        return bytes(file.readAll().data()).decode()
    finally:
        file.close()


@cache
def _classes() -> dict[str, Any]:
    """The two classes derived from Qt WebEngine's, which is not loaded before it is wanted."""
    from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile, QWebEngineUrlRequestInfo
    from PySide6.QtWebEngineCore import QWebEngineUrlRequestInterceptor as Interceptor

    class Guard(Interceptor):
        """Lets the page reach its own server and nothing else."""

        def __init__(self, own: str) -> None:
            super().__init__()
            self._own = own

        def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
            url = info.requestUrl().toString()
            if not is_allowed(url, self._own):
                _log.debug("Netron's page was kept from %s", url)
                info.block(True)

    class Page(QWebEnginePage):
        """Stays where it is: links that lead away are not followed."""

        def __init__(self, own: str, profile: QWebEngineProfile) -> None:
            super().__init__(profile)
            self._own = own

        def acceptNavigationRequest(
            self, url: QUrl | str, kind: QWebEnginePage.NavigationType, is_main_frame: bool
        ) -> bool:
            return is_allowed(url.toString() if isinstance(url, QUrl) else url, self._own)

        def javaScriptConsoleMessage(
            self, level: QWebEnginePage.JavaScriptConsoleMessageLevel, message: str, line: int, source: str
        ) -> None:
            _log.debug("Netron's page, %s:%d: %s", source, line, message)

    return {"guard": Guard, "page": Page}
