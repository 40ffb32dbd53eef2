"""The search itself: settings are suggested, tried in the folds of the dev set, and written down, until none are left.

What is suggested depends on the seed, the number of the trial and the trials before it alone, so a search that was
stopped goes on as if it had not been.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState, create_trial

from mediaeval.errors import UserError, first_line
from mediaeval.progress import progress
from mediaeval.search.journal import TrialRecord
from mediaeval.search.space import USE, Params, Space
from mediaeval.search.trial import Answers

logger = logging.getLogger(__name__)

STARTUP = 10  # trials at random before the sampler looks at what was good
BASE = 0  # the trial that all are compared with

Try = Callable[[Sequence[str], Sequence[str]], Answers]  # settings, extractors → answers
Add = Callable[[TrialRecord, Answers | None], None]


@dataclass(frozen=True)
class Plan:
    """What is searched, from where, and until when.

    base     settings of the trial that all are compared with, and `use`, its extractors
    n        trials in all
    seconds  after which no trial is begun; None: no limit
    sign     1 where a higher score is better, else -1
    """

    space: Space
    base: tuple[str, ...]
    use: tuple[str, ...]
    n: int
    seconds: float | None
    seed: int
    sign: float


def search(plan: Plan, attempt: Try, known: Sequence[TrialRecord], add: Add, title: str) -> None:
    """Try settings until there are `plan.n` trials, or the time is up. A KeyboardInterrupt ends it after the last one.

    known  trials of before; `add` is called with each new one, and its answers
    """
    trials = list(known)
    fixed = [list(plan.base), *(one for one in plan.space.defaults() if one[0] != plan.base[0])]
    begun, best = time.monotonic(), [one.score for one in trials if one.score is not None]
    try:
        with progress(title) as advance:
            while len(trials) < plan.n and not (plan.seconds and time.monotonic() - begun >= plan.seconds and trials):
                number = len(trials)
                advance(number, plan.n, f"best {plan.sign * max(plan.sign * one for one in best):.3f}" if best else "")
                params = None if number < len(fixed) else _suggested(plan, trials)
                record, answers = _tried(plan, number, fixed[number] if params is None else [], params, attempt)
                add(record, answers)
                trials.append(record)
                if record.score is not None:
                    best.append(record.score)
            advance(len(trials), plan.n, "")
    except KeyboardInterrupt:
        if not trials:
            raise
        logger.warning(f"stopped after {len(trials)} trials; --resume goes on with them.")


def _suggested(plan: Plan, trials: Sequence[TrialRecord]) -> Params:
    """Return what to try after these trials.

    Study and sampler are made anew each time, so what is suggested depends on the trials and the seed alone.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=plan.seed * 100_003 + len(trials), n_startup_trials=STARTUP)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for one in trials:
        if one.params is None:  # settings that it did not choose have none of its parameters
            continue
        distributions = plan.space.distributions(one.params["classifier"])
        value = None if one.score is None else plan.sign * one.score
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        study.add_trial(create_trial(state=state, value=value, params=one.params, distributions=distributions))
    return plan.space.suggest(study.ask())


def _tried(
    plan: Plan, number: int, settings: list[str], params: Params | None, attempt: Try
) -> tuple[TrialRecord, Answers | None]:
    use = list(plan.use)
    if params is not None:
        settings, use = plan.space.settings(params), str(params.get("use", USE.join(plan.use))).split(USE)
    begun = time.monotonic()
    try:
        answers = attempt(settings, use)
    except (UserError, ValueError, ArithmeticError, MemoryError) as error:
        seconds = round(time.monotonic() - begun, 1)
        return TrialRecord(number, params, settings, use, None, seconds, first_line(error)), None
    return TrialRecord(number, params, settings, use, answers.score, round(time.monotonic() - begun, 1)), answers
