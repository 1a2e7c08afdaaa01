"""Faults put into real jobs on purpose: the n-th change of a job's folder fails, or the process dies at it.

`shim.c` is loaded into a process that has models and avatars ready (`server.py`) and forks a child for every run,
which calls the command line itself; `trial.py` says what must hold afterwards. `python -m tests.faults` runs as many
as wanted.
"""
