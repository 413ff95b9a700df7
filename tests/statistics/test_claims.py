"""The rule that makes a verdict of an interval, and of many verdicts one."""

import pytest

from experiments.statistics.claims import Claim, above, below, between, exact, near, overall
from experiments.statistics.intervals import Interval


@pytest.mark.parametrize(
    ("claim", "verdict", "predicted"),
    [
        (above("P1", "", Interval(2, 1.5, 3), 1.0), "confirmed", "more than 1.00"),
        (above("P1", "", Interval(2, 0.5, 3), 1.0), "undecided", "more than 1.00"),
        (above("P1", "", Interval(0.5, 0.2, 0.9), 1.0), "refuted", "more than 1.00"),
        (above("P1", "", Interval.unknown(2.0), 1.0), "undecided", "more than 1.00"),
        (below("P1", "", Interval(0.5, 0.2, 0.9), 1.0), "confirmed", "less than 1.00"),
        (below("P1", "", Interval(2, 1.5, 3), 1.0), "refuted", "less than 1.00"),
        (near("P1", "", Interval(2.1, 2.05, 2.15), 2.0, 0.1), "confirmed", "2.00 (to 10 %)"),
        (near("P1", "", Interval(2.1, 2.05, 2.25), 2.0, 0.1), "undecided", "2.00 (to 10 %)"),
        (near("P1", "", Interval(3, 2.5, 3.5), 2.0, 0.1), "refuted", "2.00 (to 10 %)"),
        (near("P1", "", Interval(0.05, 0, 0.1), 0.0, 0.2, relative=False), "confirmed", "0 (to 0.2)"),
        (near("P1", "", Interval(-0.5, -0.55, -0.45), -0.5, 0.2), "confirmed", "-0.500 (to 20 %)"),
        (between("P1", "", Interval(1.5, 1.2, 2.2), 1, 2), "undecided", "1.00 to 2.00"),
        (between("P1", "", Interval(0.5, 0.4, 0.6), 1, 2, "a lot"), "refuted", "a lot"),
        (between("P1", "", Interval(-2.5, -3, -2), 0, 1), "refuted", "0 to 1.00"),
        (between("P1", "", Interval(1, -1, 3), 0, 1), "undecided", "0 to 1.00"),
        (exact("P1", "", "none", 3.0, False), "refuted", "none"),
        (exact("P1", "", "none", 0.0, True), "confirmed", "none"),
    ],
)
def test_verdicts(claim, verdict, predicted):
    assert (claim.verdict, claim.predicted, claim.subject) == (verdict, predicted, "P1")


def test_a_subject_with_different_verdicts_is_confirmed_in_part():
    def claims(*verdicts):
        return [Claim("P1", "", "", Interval.exact(0), verdict) for verdict in verdicts]

    assert overall(claims("confirmed", "confirmed")) == "confirmed"
    assert overall(claims("confirmed", "refuted", "confirmed")) == "in part (2 confirmed, 1 refuted)"
