"""Where renders are requested: a picture that is stored, or being rendered for others, is not rendered again."""

from reverie_server.dispatch.dispatcher import Counts, Dispatcher
from reverie_server.dispatch.subscription import Subscription

__all__ = ["Counts", "Dispatcher", "Subscription"]
