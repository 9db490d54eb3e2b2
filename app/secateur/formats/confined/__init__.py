"""Files whose opening runs code: only after a person's consent, only in a process of its own, only files come back.

`parent` starts the process, listens and gives up in time; `walls` is what the process puts around itself before it
touches the file; `child` is what runs inside; `opening` takes the files that come back, by the ordinary safe readers.
"""
