"""Runs of one estimator stop together, in whatever stacks they are trained."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from sk_mixup._stopping import EndOfTraining, Meeting, PartJudge, WholeJudge


def test_a_run_is_judged_by_the_mean_of_its_estimator():
    judge = WholeJudge(np.array([0, 0, 1, 2, 2, 2]))
    means = judge.means(np.array([1.0, 3, 7, 0, 3, 6]))
    np.testing.assert_array_equal(means, [2, 2, 7, 3, 3, 3])


def test_stacks_that_share_an_estimator_are_judged_as_one(rng):
    losses = rng.random((50, 8)).astype(np.float32)
    meeting = Meeting(3)
    parts = np.array_split(np.arange(8), 3)

    def train(number):
        judge = PartJudge(meeting, number)
        means = [judge.means(epoch[parts[number]]) for epoch in losses]
        judge.close()
        return np.concatenate(means)

    whole = WholeJudge(np.zeros(8, dtype=int))
    expected = np.array([whole.means(epoch) for epoch in losses])
    with ThreadPoolExecutor(3) as pool:
        trained = [pool.submit(train, number) for number in range(3)]
        for part, each in zip(parts, trained, strict=True):
            means = each.result(timeout=60).reshape(50, len(part))
            np.testing.assert_allclose(means, expected[:, part], rtol=1e-12)


def test_nobody_waits_for_a_stack_that_has_left():
    meeting = Meeting(2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(PartJudge(meeting, 0).means, np.ones(1))
        PartJudge(meeting, 1).close()
        with pytest.raises(EndOfTraining):
            waiting.result(timeout=60)


def test_leaving_takes_nothing_from_those_who_have_met():
    """The first to know that all have stopped leaves while others still wait."""
    for _ in range(200):
        meeting, start = Meeting(2), Barrier(2)

        def train(number, meeting=meeting, start=start):
            judge = PartJudge(meeting, number)
            start.wait()
            mean = judge.means(np.array([float(number)]))
            judge.close()
            return mean

        with ThreadPoolExecutor(2) as pool:
            assert [*pool.map(train, range(2), timeout=60)] == [[0.5], [0.5]]
