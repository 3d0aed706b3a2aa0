"""What both sources of speech sessions share: resources, and limits of a session's time."""

from datetime import timedelta

from schemas.vocabulary import SpeechResource

RECOGNISER, SYNTHESISER = SpeechResource.RECOGNISER, SpeechResource.SYNTHESISER
# A recogniser without a result for so long is reported, once.
NO_RESULT_AFTER = timedelta(seconds=10)
# Longer than a call lasts: the events of its end were lost.
LONGEST = timedelta(hours=4)
# At once, of one server.
SESSIONS_MAX = 20_000
