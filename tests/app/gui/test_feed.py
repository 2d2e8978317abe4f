"""Raw and restored side by side show the same instant."""

import time

from app.gui.feed import RawFeed
from app.session.config import SessionConfig
from app.session.session import Session
from tests.patience import wait_until


def test_the_raw_picture_is_of_the_frame_restored_though_newer_ones_came(
    replay_config: SessionConfig,
) -> None:
    with Session(replay_config) as session:
        session.start()
        feed = RawFeed(session, 0)
        wait_until(lambda: session.newest_restored() is not None)
        restored = session.newest_restored()
        assert restored is not None
        while True:
            newest = session.newest_raw()
            assert newest is not None
            if newest.metadata.sequence >= restored.metadata.sequence + 3:
                break
            time.sleep(0.005)
        assert feed.pull(beside=restored.metadata) is not None
        assert feed.frame is not None
        assert feed.frame.metadata == restored.metadata
        assert feed.pull(beside=restored.metadata) is None


def test_without_a_restored_frame_the_newest_is_shown_once(replay_config: SessionConfig) -> None:
    with Session(replay_config) as session:
        session.start()
        feed = RawFeed(session, 0)
        wait_until(lambda: feed.pull() is not None)
        session.stop()
        feed.pull()
        assert feed.pull() is None
        assert feed.shown >= 1
