"""What a name that a pickle imports could do to the machine, said in a few words."""

from typing import Final

_RUNS: Final = "can run any program or code"
_FILES: Final = "can read, change or delete files"
_NETWORK: Final = "can reach the network"
_LOADS: Final = "can load more code"
_INNER: Final = "reaches into the interpreter"
_UNCLEAR: Final = "cannot be told without running it"

_MODULES: Final = (
    (_RUNS, """os posix nt subprocess _posixsubprocess pty commands popen2 platform multiprocessing concurrent asyncio
        code codeop pdb bdb cProfile profile timeit trace doctest runpy distutils setuptools pip idlelib webbrowser
        antigravity sched signal _thread threading lib2to3 _aix_support _osx_support _pyrepl pydoc"""),
    (_FILES, """shutil io _io pathlib tempfile glob fileinput zipfile tarfile gzip bz2 lzma sqlite3 dbm shelve mmap
        linecache logging"""),
    (_NETWORK, """socket _socket ssl http urllib urllib2 ftplib smtplib poplib imaplib telnetlib nntplib xmlrpc
        socketserver requests httpx aiohttp httplib urllib3 wsgiref"""),
    (_LOADS, """importlib imp pkgutil zipimport pickle _pickle cPickle dill cloudpickle marshal joblib pydevd site
        ensurepip venv"""),
    (_INNER, """ctypes _ctypes cffi sys gc inspect types weakref operator _operator functools _functools ast dis atexit
        copyreg"""),
)  # fmt: skip
_BY_MODULE: Final = {module: danger for danger, names in _MODULES for module in names.split()}

_BUILTINS: Final = (
    (_RUNS, "eval exec compile execfile breakpoint apply map filter"),
    (_FILES, "open"),
    (_LOADS, "__import__"),
    (_INNER, "getattr setattr delattr globals locals vars type super memoryview input"),
)
_BY_NAME: Final = {
    **{
        f"{module}.{name}": danger
        for module in ("builtins", "__builtin__")
        for danger, names in _BUILTINS
        for name in names.split()
    },
    **dict.fromkeys(("torch.load", "torch.hub.load", "torch.jit.load", "numpy.load"), _LOADS),
    **dict.fromkeys(
        ("numpy.fromfile", "numpy.memmap", "numpy.savetxt", "torch.from_file", "torch.save", "codecs.open"), _FILES
    ),
    "functools.partial": "",
}

_RISKY_INSIDE: Final = (
    ("torch.utils._config_module", _LOADS), ("torch.utils.cpp_extension", _RUNS), ("torch.utils.collect_env", _RUNS),
    ("torch._dynamo", _RUNS), ("torch._inductor", _RUNS), ("torch.fx.experimental", _RUNS), ("torch.hub", _LOADS),
    ("torch.serialization", _LOADS), ("torch.utils.data.datapipes", _RUNS), ("torch.testing", _RUNS),
    ("torch.distributed", _RUNS), ("torch.multiprocessing", _RUNS), ("torch.package", _LOADS),
    ("numpy.testing", _RUNS), ("numpy.f2py", _RUNS), ("numpy.distutils", _RUNS), ("pandas.io", _FILES),
    ("secateur", _RUNS),
)  # fmt: skip


def danger_of(name: str) -> str:
    """What importing and calling `name` (`module.attribute`) could do; empty where no harm is known."""
    if " " in name:
        return _UNCLEAR
    if name in _BY_NAME:
        return _BY_NAME[name]
    for place, danger in _RISKY_INSIDE:
        if name == place or name.startswith(f"{place}."):
            return danger
    module = name.partition(".")[0]
    if module in _BY_MODULE:
        return _BY_MODULE[module]
    is_private_hook = any(part in ("__reduce__", "__globals__", "__dict__", "__class__", "__subclasses__", "system",
                                   "popen", "eval", "exec") for part in name.split(".")[1:])  # fmt: skip
    return _INNER if is_private_hook else ""
