"""The kill sweep: a job must end whole or not at all, wherever its processes are killed.

A recording run enumerates the kill points of a scenario: around each commit of the engine, each begun-mark
and each call of the host's modules. Then, for every point, the engine alone, the supervisor or the whole tree
is killed exactly there, started again, and what is left is looked at. The processes are real; they are forked
from one that has Django set up, so that a case takes a tenth of a second.
"""
