"""The score string in words agrees with the checks that write it."""

from qc.flags import ScoreInputs, score_flag
from reports.score_bits import bits, legend

GOOD = ScoreInputs(True, True, True, 0, 0.4, True, 12, 8, 0.3, 0.02, 1e-6, 0, True)
SKY = ScoreInputs(False, False, False, 1, 3.0, False, 900, 0, -40.0, 0.7)
TONES = {"good": "good", "bad": "bad", "info": "fact"}


def test_names_and_tones_are_those_of_the_checks():
    for inputs in (GOOD, SKY):
        flag = score_flag(inputs)
        shown = bits(str(flag))
        assert [(b.number, b.name, b.char) for b in shown] == [
            (b.number, b.name, b.digit) for b in flag.bits
        ]
        assert [b.tone for b in shown] == [TONES[b.meaning] for b in flag.bits]


def test_measured_reason_replaces_the_general_meaning():
    shown = bits("000001000", {"NUM_SAT": "1200 pixels"})
    assert shown[5].meaning == "1200 pixels" and shown[4].meaning == legend()[4].meaning
