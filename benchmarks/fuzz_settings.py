"""Malformed settings: trees with one to three changes each, which must be read or refused with a sentence.

python -m benchmarks.fuzz_settings --trees 50000
"""

import argparse
import random
import time
from collections import Counter

from mediaeval.errors import ConfigError
from tests.mediaeval.malformed_settings import full_tree, mutated, outcome


def main() -> None:
    """Print how many trees were read, refused, ended in another exception, and took over a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tree, found, slowest, longest = full_tree(), Counter[str](), 0.0, 0
    for seed in range(arguments.seed, arguments.seed + arguments.trees):
        begun = time.perf_counter()
        try:
            result = outcome(mutated(tree, random.Random(seed)))
        except Exception as error:
            found[f"{type(error).__name__}, seed {seed}: {str(error)[:200]}"] += 1
            continue
        slowest = max(slowest, time.perf_counter() - begun)
        refused = isinstance(result, ConfigError)
        found["refused" if refused else "read"] += 1
        longest = max(longest, *(len(problem) for problem in result.problems)) if refused else longest
    for what, count in found.most_common():
        print(f"{what}\t{count}")
    print(f"slowest, s\t{slowest:.3f}\nlongest sentence, characters\t{longest}")


if __name__ == "__main__":
    main()
