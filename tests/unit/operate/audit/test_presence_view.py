"""Sessions as an audit reads them: with the refreshes that are written in short."""

from datetime import timedelta

from operate.audit.presence_view import Sessions
from schemas import codec
from schemas.topics import REGISTRATIONS
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from tests.unit.fold_events import AOR, moment, refreshed, registered
from tests.unit.pipeline import NOW, Consumed


def test_a_sessions_last_refresh_is_laid_over_it() -> None:
    state = PartitionState(0, {}, {}, timedelta(seconds=35), short_refreshes=True)
    for event in (registered(1, expires_at=moment(60)), refreshed(50, expires_at=moment(110))):
        batch = SessionBatch(state, NOW)
        batch.fold(REGISTRATIONS, [Consumed(AOR.encode(), codec.encode(event))])
        batch.finish()
    key = AOR.encode()
    refresh = state.refreshes.get(key)
    assert refresh is not None
    sessions = Sessions({AOR: state.sessions[key]}, {AOR: refresh})
    (binding,) = sessions[AOR].bindings.values()
    assert (binding.confirmed_at, binding.expires_at) == (moment(50), moment(110))
    (older,) = Sessions({AOR: state.sessions[key]}, {})[AOR].bindings.values()
    assert older.expires_at == moment(60)
