"""The process of a sweep: from a pickled scenario to the pickled report. Its argument is its parent's pid."""

import os
import pickle
import sys

from tests.sweep.stage import Stage
from vrabec.config.supervisor import die_with_parent


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    asked = sys.stdin.buffer.read()
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with Stage() as stage:
        # Only now: scenarios know models, and Django has its settings.
        from tests.sweep.sweep import run

        scenario = pickle.loads(asked)  # noqa: S301 - from our parent
        pickle.dump(run(scenario, stage), answer)
    answer.close()


main()
